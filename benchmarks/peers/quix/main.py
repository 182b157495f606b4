"""The queries on Quix Streams, exactly once, one process.

Windows close by the newest time seen in a partition, so that what is said of Kafka Streams holds: the
sentinel is held back until all source partitions have sent it, windows wait longer than partitions drift
apart, and the sentinel travels as keys of its own, enough of them to reach every partition of an inner
topic, further on in event time each time, so that what it closes moves the next stage too.
"""

import os
import time
from datetime import timedelta

from quixstreams import Application, message_context
from quixstreams.models import TopicConfig

PARTITIONS = 4
WINDOW = timedelta(seconds=10)
WINDOW_MS = 10_000
HOP = timedelta(seconds=2)
# What a fetch brings of a partition spans this much event time, and more for YSB and inner topics.
NEXMARK_GRACE = timedelta(seconds=4)
LONG_GRACE = timedelta(minutes=3)
FLUSH = "flush"
FLUSH_KEYS = 48
FLUSH_TIMES = 4
FLUSH_STEP_MS = 600_000
PERSON, AUCTION, BID, SENTINEL = 0, 1, 2, 9
BODIES = {PERSON: "person", AUCTION: "auction", BID: "bid"}


class Source:
    """Turns messages into items; an item has its key in `k` and its time in `t`."""

    def __init__(self, project, is_sentinel):
        self.project = project
        self.is_sentinel = is_sentinel
        self.sentinels = 0
        self.said = False

    def __call__(self, value, key, timestamp, headers):
        if not self.said:
            self.said = True
            print(f"FIRST_READ {time.time_ns() // 1_000_000}", flush=True)
        if not self.is_sentinel(value):
            item = self.project(value)
            if item is None:
                return []
            item["t"] = timestamp
            return [item]
        self.sentinels += 1
        if self.sentinels < PARTITIONS:
            return []
        return [
            {"k": f"{FLUSH}{n}", "t": timestamp + step * FLUSH_STEP_MS}
            for step in range(FLUSH_TIMES)
            for n in range(FLUSH_KEYS)
        ]


def is_data(window, key, timestamp, headers):
    return not key.startswith(FLUSH)


def keyed(sdf, name):
    return sdf.group_by(
        lambda item: item["k"], name=name, key_serializer="str", key_deserializer="str"
    )


def start(app, source, time_of):
    topic = app.topic(
        os.environ["INPUT"],
        value_deserializer="json",
        key_deserializer="bytes",
        timestamp_extractor=lambda value, headers, timestamp, kind: time_of(value),
    )
    sdf = app.dataframe(topic).apply(source, expand=True, metadata=True)
    return sdf.set_timestamp(lambda item, key, timestamp, headers: item["t"])


def ad_views(app):
    campaigns = {
        f"cccccccc-0000-4000-8000-{ad:012d}": f"dddddddd-0000-4000-8000-{ad // 10:012d}"
        for ad in range(1000)
    }

    def project(event):
        return {"k": campaigns[event["ad_id"]]} if event["event_type"] == "view" else None

    source = Source(project, lambda event: event["event_type"] == "flush")
    return start(app, source, lambda event: int(event["event_time"]))


def nexmark(app, project):
    def body(message):
        kind = message["event_type"]
        return message if kind == SENTINEL else message[BODIES[kind]]

    source = Source(
        lambda message: project(message["event_type"], body(message)),
        lambda message: message["event_type"] == SENTINEL,
    )
    return start(app, source, lambda message: body(message)["dateTime"])


def bids(item):
    return lambda kind, body: item(body) if kind == BID else None


def rows(sdf, row):
    """`row(value, key)` for all that is no sentinel."""
    return sdf.filter(is_data, metadata=True).apply(
        lambda value, key, timestamp, headers: row(value, key), metadata=True
    )


def ysb(app):
    views = keyed(ad_views(app), "campaign").tumbling_window(WINDOW, grace_ms=LONG_GRACE).count()
    return rows(
        views.final(closing_strategy="partition"), lambda w, key: f"{key},{w['start']},{w['value']}"
    )


def most_bids(best, count):
    if "n" not in count or count["n"] < best["n"]:
        return best
    auctions = [*best["a"], count["a"]] if count["n"] == best["n"] else [count["a"]]
    return {"n": count["n"], "a": auctions}


def q5(app):
    counts = (
        keyed(nexmark(app, bids(lambda b: {"k": str(b["auction"])})), "auction")
        .hopping_window(WINDOW, HOP, grace_ms=NEXMARK_GRACE)
        .count()
        .final(closing_strategy="partition")
    )

    flushed = set()

    def by_window(w, key, timestamp, headers):
        if not key.startswith(FLUSH):
            return [{"k": str(w["end"]), "n": w["value"], "a": key}]
        # The last counts of a partition that is behind would be late otherwise.
        flushed.add(message_context().partition)
        if len(flushed) < PARTITIONS:
            return []
        return [{"k": f"{FLUSH}{n}"} for n in range(FLUSH_KEYS)]

    # Quix does not group twice in one dataflow: a topic stands between the two.
    between = app.topic(
        f"{os.environ['RUN']}-windows",
        key_serializer="str",
        key_deserializer="str",
        config=TopicConfig(num_partitions=PARTITIONS, replication_factor=1),
    )
    counts.apply(by_window, metadata=True, expand=True).to_topic(between, key=lambda item: item["k"])
    most = (
        app.dataframe(between)
        .tumbling_window(HOP, grace_ms=LONG_GRACE)
        .reduce(most_bids, lambda count: most_bids({"n": 0, "a": []}, count))
        .final(closing_strategy="partition")
        .filter(is_data, metadata=True)
    )
    return most.apply(
        lambda w, end, timestamp, headers: [f"{end},{a},{w['value']['n']}" for a in w["value"]["a"]],
        metadata=True,
        expand=True,
    )


def top_bids(best, item):
    bid = item.get("b")
    if bid is None or (best and bid[2] < best[0][2]):
        return best
    return [*best, bid] if best and bid[2] == best[0][2] else [bid]


def q7(app):
    project = bids(lambda b: {"k": "ALL", "b": [b["auction"], b["bidder"], b["price"], b["dateTime"]]})
    highest = (
        keyed(nexmark(app, project), "all")
        .tumbling_window(WINDOW, grace_ms=NEXMARK_GRACE)
        .reduce(top_bids, lambda item: top_bids([], item))
        .final(closing_strategy="partition")
        .filter(is_data, metadata=True)
    )
    return highest.apply(
        lambda w: [",".join(map(str, (w["end"], *bid))) for bid in w["value"]], expand=True
    )


def newcomer(seen, item):
    return {"n": seen["n"] or item.get("n", ""), "s": seen["s"] or item.get("n") == ""}


def q8(app):
    def project(kind, body):
        if kind == PERSON:
            return {"k": str(body["id"]), "n": body["name"]}
        return {"k": str(body["seller"]), "n": ""} if kind == AUCTION else None

    seen = (
        keyed(nexmark(app, project), "person")
        .tumbling_window(WINDOW, grace_ms=NEXMARK_GRACE)
        .reduce(newcomer, lambda item: newcomer({"n": "", "s": False}, item))
        .final(closing_strategy="partition")
        .filter(lambda w: w["value"]["n"] != "" and w["value"]["s"])
    )
    return rows(seen, lambda w, key: f"{key},{w['value']['n']},{w['start']}")


def q11(app):
    sessions = (
        keyed(nexmark(app, bids(lambda b: {"k": str(b["bidder"])})), "bidder")
        .session_window(WINDOW, grace_ms=NEXMARK_GRACE)
        .count()
        .final(closing_strategy="partition")
    )
    # A session's window ends one millisecond after its last bid.
    return rows(
        sessions, lambda w, key: f"{key},{w['value']},{w['start']},{w['end'] - 1 + WINDOW_MS}"
    )


def q18(app):
    def last_bid(item, state):
        if item["t"] < state.get("t", 0):
            return None
        state.set("t", item["t"])
        return f"{item['k']},{item['t']}"

    pairs = keyed(nexmark(app, bids(lambda b: {"k": f"{b['auction']},{b['bidder']}"})), "pair")
    return pairs.filter(lambda item: not item["k"].startswith(FLUSH)).apply(last_bid, stateful=True).filter(
        lambda row: row is not None
    )


QUERIES = {"ysb": ysb, "q5": q5, "q7": q7, "q8": q8, "q11": q11, "q18": q18}


def main():
    app = Application(
        broker_address=os.environ["BROKERS"],
        consumer_group=os.environ["RUN"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=int(os.environ["COMMIT_MS"]) / 1000,
        state_dir=os.environ["STATE_DIRECTORY"],
        loglevel="ERROR",
        # How far partitions drift apart in event time, see kafka-streams.
        consumer_extra_config={"max.partition.fetch.bytes": 256 << 10},
    )
    results = app.topic(os.environ["OUTPUT"], value_serializer="str", key_serializer="str")
    QUERIES[os.environ["QUERY"]](app).to_topic(results, key=lambda row: "")
    app.run()


if __name__ == "__main__":
    main()
