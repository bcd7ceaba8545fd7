"""A cluster that renders: a seeded discrete-event simulation of runs, shards, GPU nodes and preemptions.

Runs of a country follow one another (its lease), a run's shards queue for nodes of one GPU each, nodes start
when shards wait and leave when idle, and a preempted shard is tried again with what it had stored. A picture
is there when its run is: publication follows the last shard.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from benchmarks.capacity.demand import RunRequest
from benchmarks.capacity.outcome import Outcome, Timings


@dataclass
class _Run:
    request: RunRequest
    shards_left: int = 0


@dataclass
class _Shard:
    run: _Run
    images: int
    retries: int = 0


@dataclass
class _Node:
    born: float
    dies: float
    shard: _Shard | None = None
    idle_since: float = 0.0
    gone: bool = False


@dataclass
class Cluster:
    """Nodes of one GPU each, at most `most_nodes`, that bring requests in shard by shard."""

    timings: Timings
    seconds_per_image: float
    shard_size: int
    most_nodes: int
    seed: int = 0
    _events: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    _queue: deque[_Shard] = field(default_factory=deque)
    _nodes: int = 0
    _idle: dict[int, _Node] = field(default_factory=dict)
    _waiting: dict[int, deque[_Run]] = field(default_factory=dict)
    _starting: int = 0
    _count: int = 0

    def bring_in(self, requests: list[RunRequest]) -> Outcome:
        """Simulate until every request is published and every node has left."""
        self._random = random.Random(self.seed)  # noqa: S311 - a simulation
        self._waits: list[tuple[float, int]] = []
        self._active: list[tuple[float, int]] = [(0.0, 0)]
        self._paid = self._useful = 0.0
        self._lost = self._preempted = self._failed = self._cut = 0
        for request in requests:
            self._at(request.at, partial(self._asked, run=_Run(request)))
        while self._events:
            now, _, happen = heapq.heappop(self._events)
            happen(now)
        return Outcome(
            sum(images for _, images in self._waits),
            tuple(self._waits),
            self._paid / 3600,
            self._useful / 3600,
            self._lost,
            self._preempted,
            self._failed,
            self._cut,
            tuple(self._active),
        )

    def _at(self, when: float, happen: Callable[[float], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, happen))

    def _asked(self, now: float, run: _Run) -> None:
        ahead = self._waiting.setdefault(run.request.country, deque())
        ahead.append(run)
        if len(ahead) == 1:
            self._start(now, run)

    def _start(self, now: float, run: _Run) -> None:
        self._at(now + self.timings.run_start, lambda later: self._planned(later, run))

    def _planned(self, now: float, run: _Run) -> None:
        shards = [_Shard(run, images) for images in _split(run.request.images, self.shard_size)]
        run.shards_left = len(shards)
        self._cut += len(shards)
        self._queue.extend(shards)
        self._dispatch(now)

    def _dispatch(self, now: float) -> None:
        while self._queue and self._idle:
            self._render(now, self._idle.popitem()[1], self._queue.popleft())
        while self._nodes < self.most_nodes and self._starting < len(self._queue):
            self._launch(now)

    def _launch(self, now: float) -> None:
        rate, timings = self.timings.preemptions_an_hour / 3600, self.timings
        life = self._random.expovariate(rate) if rate else float("inf")
        node = _Node(now, now + life)
        self._nodes += 1
        self._starting += 1
        self._active.append((now / 3600, self._nodes))
        start = max(30.0, self._random.gauss(timings.node_start, timings.node_start * timings.node_spread))
        ready = now + start + timings.node_prepare
        self._at(min(ready, node.dies), lambda later: self._ready(later, node))

    def _ready(self, now: float, node: _Node) -> None:
        self._starting -= 1
        if now >= node.dies:
            self._preempted += 1
            self._leave(now, node)
        else:
            self._free(now, node)
        self._dispatch(now)

    def _render(self, now: float, node: _Node, shard: _Shard) -> None:
        node.shard = shard
        begins = now + self.timings.pod_start
        ends = begins + shard.images * self.seconds_per_image
        if node.dies < ends:
            self._at(node.dies, lambda later: self._preempt(later, node, begins))
        else:
            self._at(ends, lambda later: self._done(later, node))

    def _done(self, now: float, node: _Node) -> None:
        shard, node.shard = node.shard, None
        assert shard is not None
        self._useful += shard.images * self.seconds_per_image
        run = shard.run
        run.shards_left -= 1
        if run.shards_left == 0:
            self._publish(now, run)
        self._free(now, node)
        self._dispatch(now)

    def _publish(self, now: float, run: _Run) -> None:
        self._waits.append(((now - run.request.at) / 3600, run.request.images))
        behind = self._waiting[run.request.country]
        behind.popleft()
        if behind:
            self._start(now, behind[0])

    def _preempt(self, now: float, node: _Node, begins: float) -> None:
        shard, node.shard = node.shard, None
        assert shard is not None
        done = int(max(0.0, now - begins) / self.seconds_per_image)
        kept = max(0, done // self.timings.batch + 1 - self.timings.batches_lost) * self.timings.batch
        kept = min(kept, done)
        self._preempted += 1
        self._lost += done - kept
        self._useful += kept * self.seconds_per_image
        shard.images -= kept
        shard.retries += 1
        self._leave(now, node)
        if shard.retries > self.timings.max_retries:
            self._failed += 1
            shard.retries = 0
            self._at(now + self.timings.rerun, lambda later: self._again(later, shard))
        else:
            self._queue.appendleft(shard)
        self._dispatch(now)

    def _again(self, now: float, shard: _Shard) -> None:
        self._queue.append(shard)
        self._dispatch(now)

    def _free(self, now: float, node: _Node) -> None:
        node.idle_since = now
        self._idle[id(node)] = node
        release = min(now + self.timings.idle_release, node.dies)
        self._at(release, lambda later: self._release(later, node, now))

    def _release(self, now: float, node: _Node, since: float) -> None:
        if node.gone or node.shard is not None or node.idle_since != since:
            return
        del self._idle[id(node)]
        self._leave(now, node)

    def _leave(self, now: float, node: _Node) -> None:
        node.gone = True
        self._nodes -= 1
        self._paid += now - node.born
        self._active.append((now / 3600, self._nodes))


def _split(images: int, size: int) -> Iterator[int]:
    for start in range(0, images, size):
        yield min(size, images - start)
