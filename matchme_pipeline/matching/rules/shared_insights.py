"""Common approved insights, stored as bit sets whose overlap is fast to count."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.llm.contracts import SharedInsight

# Enough for every recurring theme; a title of only one member cannot be shared.
MAX_TITLES = 1_024
_WORD = 64


class Themes(NamedTuple):
    """Approved insights by member: a bit per recurring title, uint64 (members, words), and the number of all titles."""

    bits: NDArray[np.uint64]
    size: NDArray[np.int32]

    def rows(self, where: NDArray[np.intp] | slice) -> "Themes":
        """The themes of the members at these positions."""
        return Themes(self.bits[where], self.size[where])


def title_key(insight: SharedInsight) -> str:
    """The key under which two insights are equal: category and title, without case."""
    return f"{insight.category}: {' '.join(insight.title.casefold().split())}"


def titles_of(user_ids: Iterable[str], approved: Mapping[str, Sequence[SharedInsight]]) -> list[dict[str, str]]:
    """Every member's approved titles in their own spelling, by their key."""
    keys: dict[tuple[str, str], str] = {}
    titles = []
    for user_id in user_ids:
        own = {}
        for insight in approved.get(user_id, ()):
            written = (insight.category, insight.title)
            key = keys.get(written)
            if key is None:
                key = keys[written] = title_key(insight)
            own[key] = insight.title
        titles.append(own)
    return titles


def themes_of(titles: Sequence[Mapping[str, str]]) -> Themes:
    """Every member's approved titles; the MAX_TITLES most frequent recurring titles have a bit."""
    counts = Counter(title for own in titles for title in own)
    recurring = sorted((title for title, n in counts.items() if n > 1), key=lambda title: (-counts[title], title))
    column = {title: place for place, title in enumerate(recurring[:MAX_TITLES])}
    bits = np.zeros((len(titles), max(1, -(-len(column) // _WORD))), dtype=np.uint64)
    pairs = [(row, column[title]) for row, own in enumerate(titles) for title in own if title in column]
    if pairs:
        rows, places = np.array(pairs, dtype=np.int64).T
        np.bitwise_or.at(bits, (rows, places // _WORD), np.left_shift(np.uint64(1), (places % _WORD).astype(np.uint64)))
    return Themes(bits, np.array([len(own) for own in titles], dtype=np.int32))


def shared_titles(a: Mapping[str, str], b: Mapping[str, str]) -> list[str]:
    """Common approved titles in alphabetical order, equal from both sides; both as in `titles_of`."""
    return sorted({min(a[key], b[key]) for key in a.keys() & b.keys()})
