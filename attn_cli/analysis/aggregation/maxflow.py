"""Maximum flow between two nodes of a layered network, by Dinic's algorithm (1970)."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from attn_cli.trace.trace import Array

NOTHING = 1e-12
"""A remaining capacity below this counts as none: rounding leaves as much of a full edge."""


@dataclass(frozen=True, eq=False)
class Network:
    """Edges in pairs, 2k and its reverse 2k + 1: the node where each ends, its capacity, and the edges of each node.

    A node's number is layer · tokens + token; the last layer comes first, the tokens before the first layer last.
    """

    tokens: int
    depth: int
    ends: tuple[int, ...]
    capacities: tuple[float, ...]
    leaving: tuple[tuple[int, ...], ...]

    @classmethod
    def of_layers(cls, steps: Sequence[Array]) -> "Network":
        """The network whose edges have the steps (query, key) as capacities; `steps` begins with the first layer."""
        tokens = len(steps[0])
        ends: list[int] = []
        capacities: list[float] = []
        leaving: list[list[int]] = [[] for _ in range((len(steps) + 1) * tokens)]
        for level, step in enumerate(reversed(steps)):
            for query, row in enumerate(step.tolist()):
                for key, share in enumerate(row):
                    if share > NOTHING:
                        start, end = level * tokens + query, (level + 1) * tokens + key
                        leaving[start].append(len(ends))
                        leaving[end].append(len(ends) + 1)
                        ends += [end, start]
                        capacities += [share, 0.0]
        return cls(tokens, len(steps), tuple(ends), tuple(capacities), tuple(map(tuple, leaving)))

    def flow(self, query: int, token: int) -> float:
        """The maximum flow from a query of the last layer to a token before the first layer."""
        source, sink = query, self.depth * self.tokens + token
        room = list(self.capacities)
        # The flow cannot exceed what leaves the source or what enters the sink.
        most = min(sum(room[edge] for edge in self.leaving[source]), sum(room[edge ^ 1] for edge in self.leaving[sink]))
        total = 0.0
        while total < most - NOTHING and (distance := self._distances(room, source, sink)):
            total += self._blocking(room, distance, source, sink)
        return total

    def _distances(self, room: list[float], source: int, sink: int) -> list[int] | None:
        """The number of edges with room from the source to each node; None if no such path reaches the sink."""
        distance = [-1] * len(self.leaving)
        distance[source] = 0
        waiting = deque([source])
        while waiting:
            node = waiting.popleft()
            if node == sink:
                return distance
            for edge in self.leaving[node]:
                end = self.ends[edge]
                if distance[end] < 0 and room[edge] > NOTHING:
                    distance[end] = distance[node] + 1
                    waiting.append(end)
        return None

    def _blocking(self, room: list[float], distance: list[int], source: int, sink: int) -> float:
        """Fill shortest paths until each has a full edge; the flow that was added."""
        ends, leaving = self.ends, self.leaving
        tried = [0] * len(leaving)
        total = 0.0
        path: list[int] = []
        node = source
        while True:
            if node == sink:
                least = min(room[edge] for edge in path)
                total += least
                for edge in path:
                    room[edge] -= least
                    room[edge ^ 1] += least
                full = next(step for step, edge in enumerate(path) if room[edge] <= NOTHING)
                node = ends[path[full] ^ 1]
                del path[full:]
            edges, at = leaving[node], tried[node]
            further = distance[node] + 1
            while at < len(edges) and not (room[edges[at]] > NOTHING and distance[ends[edges[at]]] == further):
                at += 1
            tried[node] = at
            if at < len(edges):
                path.append(edges[at])
                node = ends[edges[at]]
            elif path:
                node = ends[path.pop() ^ 1]
                tried[node] += 1
            else:
                return total
