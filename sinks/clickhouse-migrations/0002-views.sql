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
  toDate(o.ordered_at) AS day,
  countIf(NOT o.cancelled) AS orders,
  uniqExact(o.customer_id) AS customers,
  sum(o.revenue) AS revenue,
  sum(o.net_revenue) AS net_revenue,
  if(orders = 0, 0, sumIf(o.revenue, NOT o.cancelled) / orders) AS average_order_value
FROM orders AS o
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
  toDate(s.started_at) AS day,
  count() AS sessions,
  uniqExact(s.customer_id) AS customers,
  avg(s.duration_s) AS average_duration_s,
  avg(s.events) AS average_events
FROM sessions AS s
GROUP BY day
ORDER BY day;
