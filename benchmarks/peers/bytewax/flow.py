"""The queries as bytewax dataflows, for one worker.

The source stays whole batches for as long as possible (flat_map_batch, stateful_batch), since a call of
Python for each item is what costs. bytewax's own windows keep a watermark for each key and let it rise
with the wall clock; here the source step makes one watermark over all partitions, which travels with
each item, so that windows close at the same events as elsewhere. A key that hears of nothing more
closes its windows at the end of the input.

What needs all keys of a window at once (q5, q7) is kept under one key, as bytewax's documentation does
with "ALL"; people and bidders (q8, q11) go into a few buckets, so that a bucket hears often of the
watermark.
"""

import copy
import os
import time
from collections import Counter

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic

PARTITIONS = 4
OUT_OF_ORDER_MS = 4_000
WINDOW_MS = 10_000
HOP_MS = 2_000
BUCKETS = 16
PERSON, AUCTION, BID, FLUSH = 0, 1, 2, 9


class Watermark:
    """The lowest of the times that the partitions have reached, less the bound."""

    def __init__(self):
        self.highest = [-(1 << 62)] * PARTITIONS
        self.current = -(1 << 62)

    def observe(self, partition, at):
        if at > self.highest[partition]:
            self.highest[partition] = at
            self.current = min(self.highest) - OUT_OF_ORDER_MS
        return self.current


class FirstRead:
    def __init__(self):
        self.said = False

    def mark(self):
        if not self.said:
            self.said = True
            print(f"FIRST_READ {time.time_ns() // 1_000_000}", flush=True)


def nexmark(project):
    """A mapper of batches; project(message) gives (key, item) or None; the time and the watermark of an
    item come first in it."""
    watermark, first = Watermark(), FirstRead()
    bodies = {PERSON: "person", AUCTION: "auction", BID: "bid"}

    def mapper(batch):
        first.mark()
        out = []
        for message in batch:
            event = orjson.loads(message.value)
            kind = event["event_type"]
            body = event if kind == FLUSH else event[bodies[kind]]
            at = body["dateTime"]
            mark = watermark.observe(message.partition, at)
            routed = project(kind, body)
            if routed is not None:
                out.append((routed[0], (at, mark, routed[1])))
        return out

    return mapper


def views():
    watermark, first = Watermark(), FirstRead()
    campaigns = {
        f"cccccccc-0000-4000-8000-{ad:012d}": f"dddddddd-0000-4000-8000-{ad // 10:012d}"
        for ad in range(1000)
    }

    def mapper(batch):
        first.mark()
        out = []
        for message in batch:
            event = orjson.loads(message.value)
            at = int(event["event_time"])
            mark = watermark.observe(message.partition, at)
            if event["event_type"] == "view":
                out.append((campaigns[event["ad_id"]], (at, mark, None)))
        return out

    return mapper


class Windows(StatefulBatchLogic):
    """Tumbling windows of `size` in a dict: window start -> what `add` keeps.

    `add(kept, at, item)` changes `kept`, made by `new`; `rows(start, kept)` is what a window gives."""

    size = WINDOW_MS

    def __init__(self, resume):
        self.open = resume if resume is not None else {}

    def on_batch(self, values):
        for at, mark, item in values:
            start = at - at % self.size
            if start + self.size <= mark:
                continue
            kept = self.open.get(start)
            if kept is None:
                kept = self.open[start] = self.new()
            self.add(kept, at, item)
        return self.close(values[-1][1]), StatefulBatchLogic.RETAIN

    def close(self, mark):
        done = sorted(start for start in self.open if start + self.size <= mark)
        return [row for start in done for row in self.rows(start, self.open.pop(start))]

    def on_eof(self):
        return self.close(1 << 62), StatefulBatchLogic.RETAIN

    def snapshot(self):
        return copy.deepcopy(self.open)


class Views(Windows):
    def new(self):
        return [0]

    def add(self, kept, at, item):
        kept[0] += 1

    def rows(self, start, kept):
        return [f"{start},{kept[0]}"]


class MostBids(Windows):
    """Panes of one hop; a window adds up its five when it closes."""

    size = HOP_MS

    def __init__(self, resume):
        self.open, self.next_end = resume if resume is not None else ({}, None)

    def new(self):
        return Counter()

    def add(self, kept, at, auction):
        kept[auction] += 1

    def close(self, mark):
        rows = []
        while self.open:
            if self.next_end is None:
                self.next_end = min(self.open) + HOP_MS
            if self.next_end > mark:
                break
            rows += self.window(self.next_end)
            self.open.pop(self.next_end - WINDOW_MS, None)
            self.next_end += HOP_MS
        return rows

    def window(self, end):
        counts = Counter()
        for start in range(end - WINDOW_MS, end, HOP_MS):
            if start in self.open:
                counts.update(self.open[start])
        most = max(counts.values(), default=0)
        return [f"{end},{auction},{n}" for auction, n in counts.items() if n == most]

    def snapshot(self):
        return copy.deepcopy((self.open, self.next_end))


class TopBids(Windows):
    def new(self):
        return []

    def add(self, kept, at, bid):
        if kept and bid[2] < kept[0][2]:
            return
        if kept and bid[2] > kept[0][2]:
            kept.clear()
        kept.append(bid)

    def rows(self, start, kept):
        return [",".join(map(str, (start + WINDOW_MS, *bid))) for bid in kept]


class Newcomers(Windows):
    def new(self):
        return {}

    def add(self, kept, at, seen):
        person, name = seen
        entry = kept.setdefault(person, ["", False])
        if name:
            entry[0] = name
        else:
            entry[1] = True

    def rows(self, start, kept):
        return [f"{person},{name},{start}" for person, (name, selling) in kept.items() if name and selling]


class Sessions(StatefulBatchLogic):
    """Open sessions as bidder -> list of [first, last, count]; a pause of exactly the gap goes on."""

    def __init__(self, resume):
        self.open = resume if resume is not None else {}
        self.looked = 0

    def on_batch(self, values):
        for at, mark, bidder in values:
            if at + WINDOW_MS < mark:
                continue
            sessions = self.open.get(bidder)
            if sessions is None:
                self.open[bidder] = [[at, at, 1]]
            elif len(sessions) == 1 and sessions[0][0] - WINDOW_MS <= at <= sessions[0][1] + WINDOW_MS:
                session = sessions[0]
                session[0], session[1] = min(session[0], at), max(session[1], at)
                session[2] += 1
            else:
                self.join(bidder, at)
        mark = values[-1][1]
        # All bidders are looked through, so not for every batch.
        if mark - self.looked < 500:
            return [], StatefulBatchLogic.RETAIN
        self.looked = mark
        return self.close(mark), StatefulBatchLogic.RETAIN

    def join(self, bidder, at):
        joined, apart = [at, at, 1], []
        for session in self.open[bidder]:
            if session[0] - WINDOW_MS <= at <= session[1] + WINDOW_MS:
                joined = [min(joined[0], session[0]), max(joined[1], session[1]), joined[2] + session[2]]
            else:
                apart.append(session)
        self.open[bidder] = [*apart, joined]

    def close(self, mark):
        rows = []
        for bidder in [b for b, s in self.open.items() if any(x[1] + WINDOW_MS < mark for x in s)]:
            left = []
            for session in self.open[bidder]:
                first, last, count = session
                if last + WINDOW_MS < mark:
                    rows.append(f"{bidder},{count},{first},{last + WINDOW_MS}")
                else:
                    left.append(session)
            if left:
                self.open[bidder] = left
            else:
                del self.open[bidder]
        return rows

    def on_eof(self):
        return self.close(1 << 62), StatefulBatchLogic.RETAIN

    def snapshot(self):
        return copy.deepcopy(self.open)


class LastBid(StatefulBatchLogic):
    def __init__(self, resume):
        self.last = resume if resume is not None else 0

    def on_batch(self, values):
        rows = []
        for at, _, _ in values:
            if at >= self.last:
                self.last = at
                rows.append(str(at))
        return rows, StatefulBatchLogic.RETAIN

    def snapshot(self):
        return self.last


def bids(item):
    def project(kind, body):
        return item(body) if kind == BID else None

    return project


def people(kind, body):
    if kind == PERSON:
        return str(body["id"] % BUCKETS), (body["id"], body["name"])
    if kind == AUCTION:
        return str(body["seller"] % BUCKETS), (body["seller"], "")
    return None


def top(b):
    return "ALL", (b["auction"], b["bidder"], b["price"], b["dateTime"])


# query -> mapper of source batches, logic, whether the key is part of the row
QUERIES = {
    "ysb": (views, Views, True),
    "q5": (lambda: nexmark(bids(lambda b: ("ALL", b["auction"]))), MostBids, False),
    "q7": (lambda: nexmark(bids(top)), TopBids, False),
    "q8": (lambda: nexmark(people), Newcomers, False),
    "q11": (lambda: nexmark(bids(lambda b: (str(b["bidder"] % BUCKETS), b["bidder"]))), Sessions, False),
    "q18": (lambda: nexmark(bids(lambda b: (f"{b['auction']},{b['bidder']}", None))), LastBid, True),
}


def build():
    mapper, logic, keyed = QUERIES[os.environ["QUERY"]]
    brokers = [os.environ["BROKERS"]]
    flow = Dataflow(os.environ["RUN"])
    source = KafkaSource(brokers, [os.environ["INPUT"]], tail=False, batch_size=1000)
    events = op.flat_map_batch("read", op.input("events", flow, source), mapper())
    rows = op.stateful_batch("query", events, logic)

    def message(batch):
        if keyed:
            return [KafkaSinkMessage(None, f"{key},{row}".encode()) for key, row in batch]
        return [KafkaSinkMessage(None, row.encode()) for _, row in batch]

    op.output("results", op.flat_map_batch("format", rows, message), KafkaSink(brokers, os.environ["OUTPUT"]))
    return flow


flow = build()
