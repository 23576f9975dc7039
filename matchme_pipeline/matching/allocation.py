"""Whom each member is shown: a mutual b-matching, at most five partners each, fair before it is greedy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_MATCHES = 5


def allocate(
    members: int,
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    score: NDArray[np.float32],
    fixed: Sequence[tuple[int, int]] = (),
    most: int = MOST_MATCHES,
) -> list[int]:
    """Choose among the pairs (a[i], b[i]) so that nobody has more than `most`; returns the chosen i, ascending.

    `fixed` pairs stand already and take their members' places. First everybody gets one partner, those with the
    fewest possibilities before the others, and one who finds only full partners takes the weakest place of a partner
    whose other side keeps at least one match. The remaining places go to the best pairs first, the greedy rule of
    weighted matching (Preis 1999). Ties go to the lower position.
    """
    state = _State(members, a, b, score, most)
    for left, right in fixed:
        state.degree[left] += 1
        state.degree[right] += 1
    order = np.lexsort((b, a, -score))
    # Filling the lists gives partners something to spare: who was left without is looked at once more.
    for _ in range(2):
        _give_everyone_one(state, order)
        _fill(state, order)
    return sorted(state.chosen)


class _State:
    """Chosen edges and how many partners each member has."""

    def __init__(
        self, members: int, a: NDArray[np.intp], b: NDArray[np.intp], score: NDArray[np.float32], most: int
    ) -> None:
        self.a, self.b, self.score, self.most = a, b, score, most
        self.degree = [0] * members
        self.chosen: set[int] = set()
        self.of_member: list[list[int]] = [[] for _ in range(members)]

    def other(self, edge: int, member: int) -> int:
        return int(self.b[edge]) if int(self.a[edge]) == member else int(self.a[edge])

    def fits(self, edge: int) -> bool:
        left, right = int(self.a[edge]), int(self.b[edge])
        return edge not in self.chosen and self.degree[left] < self.most and self.degree[right] < self.most

    def choose(self, edge: int) -> None:
        self.chosen.add(edge)
        for member in (int(self.a[edge]), int(self.b[edge])):
            self.degree[member] += 1
            self.of_member[member].append(edge)

    def drop(self, edge: int) -> None:
        self.chosen.remove(edge)
        for member in (int(self.a[edge]), int(self.b[edge])):
            self.degree[member] -= 1
            self.of_member[member].remove(edge)


def _fill(state: _State, order: NDArray[np.intp]) -> None:
    for edge in order:
        if state.fits(int(edge)):
            state.choose(int(edge))


def _give_everyone_one(state: _State, order: NDArray[np.intp]) -> None:
    edges_of: list[list[int]] = [[] for _ in state.degree]
    for edge in order:
        edges_of[int(state.a[edge])].append(int(edge))
        edges_of[int(state.b[edge])].append(int(edge))
    for member in sorted(range(len(edges_of)), key=lambda m: (len(edges_of[m]), m)):
        if state.degree[member] > 0 or not edges_of[member]:
            continue
        free = next((edge for edge in edges_of[member] if state.fits(edge)), None)
        if free is not None:
            state.choose(free)
        else:
            _take_a_place(state, member, edges_of[member])


def _take_a_place(state: _State, member: int, edges: Sequence[int]) -> None:
    """Give `member` the place that costs least: a full partner's weakest edge whose other end keeps another."""
    best: tuple[float, int, int] | None = None
    for edge in edges:
        partner = state.other(edge, member)
        for weak in state.of_member[partner]:
            if state.degree[state.other(weak, partner)] > 1:
                gain = float(state.score[edge]) - float(state.score[weak])
                if best is None or gain > best[0]:
                    best = (gain, edge, weak)
    if best is not None:
        state.drop(best[2])
        state.choose(best[1])
