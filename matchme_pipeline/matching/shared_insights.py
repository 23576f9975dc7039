"""What two members have both approved, as vectors whose product is their overlap."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.llm.contracts import SharedInsight

# Enough for every theme that recurs; titles that only one member has cannot be shared.
MOST_TITLES = 1_024


def title_key(insight: SharedInsight) -> str:
    """What makes two insights the same: category and title, without case."""
    return f"{insight.category}: {' '.join(insight.title.casefold().split())}"


def shared_vectors(user_ids: Sequence[str], approved: Mapping[str, Sequence[SharedInsight]]) -> NDArray[np.float32]:
    """Unit vectors over recurring titles, float32 (members, titles): |A and B| / sqrt(|A| |B|) as a dot product."""
    sets = [{title_key(insight) for insight in approved.get(user_id, ())} for user_id in user_ids]
    counts = Counter(title for own in sets for title in own)
    recurring = sorted((title for title, n in counts.items() if n > 1), key=lambda title: (-counts[title], title))
    column = {title: place for place, title in enumerate(recurring[:MOST_TITLES])}
    vectors = np.zeros((len(user_ids), max(len(column), 1)), dtype=np.float32)
    for row, own in enumerate(sets):
        for title in own:
            if title in column:
                vectors[row, column[title]] = 1.0 / np.sqrt(len(own))
    return vectors


def shared_titles(a: Sequence[SharedInsight], b: Sequence[SharedInsight]) -> list[str]:
    """Titles that both have approved, in alphabetical order."""
    own = {title_key(insight): insight.title for insight in a}
    other = {title_key(insight) for insight in b}
    return sorted({title for key, title in own.items() if key in other})
