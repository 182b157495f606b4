-- Figures that people ask for first. Plain views: they are always right, and quick enough at this size.

CREATE VIEW orders AS
SELECT
  order_id,
  anyIf(customer_id, order_kind = 'completed') AS customer_id,
  minIf(occurred_at, order_kind = 'completed') AS ordered_at,
  ifNull(argMaxIf(amount, occurred_at, order_kind = 'completed'), 0) AS revenue,
  countIf(order_kind = 'cancelled') > 0 AS cancelled,
  -- A refund without an amount gives back everything; more than everything cannot be given back.
  if(countIf(order_kind = 'refunded' AND amount IS NULL) > 0, revenue,
     least(revenue, ifNull(sumIf(amount, order_kind = 'refunded'), 0))) AS refunded,
  if(cancelled, 0, revenue - refunded) AS net_revenue
FROM events
WHERE order_kind != ''
GROUP BY order_id
HAVING countIf(order_kind = 'completed') > 0;

CREATE VIEW daily_revenue AS
SELECT
  toDate(ordered_at) AS day,
  countIf(NOT cancelled) AS orders,
  uniqExact(customer_id) AS customers,
  sum(revenue) AS revenue,
  sum(net_revenue) AS net_revenue,
  if(orders = 0, 0, sumIf(revenue, NOT cancelled) / orders) AS average_order_value
FROM orders
GROUP BY day
ORDER BY day;

CREATE VIEW decisions_by_outcome AS
SELECT
  toDate(decided_at) AS day,
  trigger_kind,
  action,
  reason,
  count() AS decisions,
  uniqExact(customer_id) AS customers
FROM decisions
GROUP BY day, trigger_kind, action, reason
ORDER BY day, decisions DESC;

CREATE VIEW daily_sessions AS
SELECT
  toDate(started_at) AS day,
  count() AS sessions,
  uniqExact(customer_id) AS customers,
  avg(duration_s) AS average_duration_s,
  avg(events) AS average_events
FROM sessions
GROUP BY day
ORDER BY day;
