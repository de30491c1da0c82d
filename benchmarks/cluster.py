"""A discrete-event simulation of `execution.engine: ray`: one driver, nodes with cores, many videos.

The driver sends one video at a time. As in deepfake/jobs, `slots` videos are in work at a time, and a
result may precede that of an earlier video by less than `ahead` videos. A free core takes the video
that was sent first. Ray sends the videos of a lost node to other nodes, without the driver.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import inf

LOST, JOINED, SENT, DONE = range(4)  # events; of those at the same time, in this order


@dataclass(frozen=True)
class Cluster:
    """What the videos are sent to.

    Attributes:
        nodes: their number.
        cores: of each node.
        slots: videos in work at a time, sent or waiting for a core.
        ahead: videos after the oldest one without a result that may be sent.
        driver_seconds: of the driver for each video.
        overhead_seconds: of a core for each video, besides its work.
        slow: how many times as long as others the cores of a node take, by its number from 0.
        losses: number of a node, when it is lost, and when it is back without work (`inf`: never).
    """

    nodes: int
    cores: int
    slots: int
    ahead: int
    driver_seconds: float = 0.0
    overhead_seconds: float = 0.0
    slow: Mapping[int, float] = field(default_factory=dict)
    losses: Iterable[tuple[int, float, float]] = ()


@dataclass
class Run:
    """What became of a run.

    Attributes:
        seconds: from its start to the last result.
        done: when each video had its result, in this order.
        repeats: number of videos that were started again.
        lost_seconds: of cores, on videos that were started again.
    """

    seconds: float = 0.0
    done: dict[int, float] = field(default_factory=dict)
    repeats: int = 0
    lost_seconds: float = 0.0


def simulate(work: Sequence[float], cluster: Cluster) -> Run:
    """Run videos on a cluster.

    Args:
        work: seconds of a core for each video.
        cluster: where they run.

    Raises:
        ValueError: videos were left when all nodes were lost.
    """
    return _Simulation(work, cluster).run()


class _Simulation:
    def __init__(self, work: Sequence[float], cluster: Cluster) -> None:
        self.work, self.cluster = work, cluster
        self.result = Run()
        self.now = 0.0
        self.events: list[tuple[float, int, int, int]] = []  # time, kind, video or node, attempt
        for node, lost, back in cluster.losses:
            self.events.append((lost, LOST, node, 0))
            if back < inf:
                self.events.append((back, JOINED, node, 0))
        heapify(self.events)
        self.sent = 0
        self.is_sending = False
        self.waiting: deque[int] = deque()  # for a core
        self.free = [cluster.cores] * cluster.nodes
        self.idle = deque([*range(cluster.nodes)] * cluster.cores)  # a node per core, or more
        self.running: list[dict[int, float]] = [{} for _ in self.free]  # start of each video
        self.node = [-1] * len(work)  # that works on each video, or did
        self.attempt = [0] * len(work)
        self.oldest = 0  # without a result

    def run(self) -> Run:
        handlers = {
            SENT: self._sent,
            DONE: self._done,
            LOST: self._lost,
            JOINED: self._joined,
        }
        while len(self.result.done) < len(self.work):
            self._send()
            self._start()
            if not self.events:
                left = len(self.work) - len(self.result.done)
                raise ValueError(f"all nodes are lost, and {left} videos have no result")
            self.now, kind, subject, attempt = heappop(self.events)
            handlers[kind](subject, attempt)
        self.result.seconds = self.now
        return self.result

    def _send(self) -> None:
        cluster, video = self.cluster, self.sent
        if (
            not self.is_sending
            and video < len(self.work)
            and video - len(self.result.done) < cluster.slots
            and video - self.oldest < cluster.ahead
        ):
            self.sent, self.is_sending = video + 1, True
            heappush(self.events, (self.now + cluster.driver_seconds, SENT, video, 0))

    def _start(self) -> None:
        while self.waiting and self.idle:
            node = self.idle.popleft()
            if not self.free[node]:
                continue  # it was lost
            video = self.waiting.popleft()
            self.free[node] -= 1
            self.node[video], self.running[node][video] = node, self.now
            seconds = self.cluster.overhead_seconds + self.work[video]
            end = self.now + seconds * self.cluster.slow.get(node, 1.0)
            heappush(self.events, (end, DONE, video, self.attempt[video]))

    def _sent(self, video: int, _: int) -> None:
        self.is_sending = False
        self.waiting.append(video)

    def _done(self, video: int, attempt: int) -> None:
        if attempt != self.attempt[video]:
            return  # its node was lost before
        node = self.node[video]
        del self.running[node][video]
        self.free[node] += 1
        self.idle.append(node)
        self.result.done[video] = self.now
        while self.oldest in self.result.done:
            self.oldest += 1

    def _lost(self, node: int, _: int) -> None:
        self.free[node] = 0
        for video, start in reversed(self.running[node].items()):
            self.attempt[video] += 1
            self.waiting.appendleft(video)
            self.result.repeats += 1
            self.result.lost_seconds += self.now - start
        self.running[node].clear()

    def _joined(self, node: int, _: int) -> None:
        self.free[node] = self.cluster.cores
        self.idle.extend([node] * self.cluster.cores)
