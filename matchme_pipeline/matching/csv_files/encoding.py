"""Members' vectors from their texts, computed by the bundled encoder: offline and deterministic."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.content.canonical import canonical_text
from matchme_pipeline.embeddings.member_vector import BIO_WEIGHT, DEPTH_WEIGHT, item_weight, mean_vectors
from matchme_pipeline.llm.local.encoder import ENCODER_DIMENSIONS, item_vectors, process_encoder
from matchme_pipeline.matching.csv_files.people import Text

# Members whose texts are encoded together; more would only take more memory.
MEMBERS_AT_ONCE = 500


def member_vectors(
    texts: Mapping[str, Sequence[Text]],
    biographies: Mapping[str, str],
    cutoff: datetime,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, NDArray[np.float32]]:
    """Each member's vector, float32 of 512 dimensions and unit length, with the weights of the weekly run.

    A biography has the same weight as in the app. A text is weighted by its depth and its age at `cutoff`; a text
    without a time counts as new. Members without usable text have no vector. `advance` is called after every group of
    members.
    """
    encoder = process_encoder()
    members = sorted({*texts, *biographies})
    vectors: dict[str, NDArray[np.float32]] = {}
    for begin in range(0, len(members), MEMBERS_AT_ONCE):
        group = members[begin : begin + MEMBERS_AT_ONCE]
        parts = [_parts(texts.get(user_id, ()), biographies.get(user_id), cutoff) for user_id in group]
        unique = sorted({text for own in parts for text, _ in own})
        row = {text: number for number, text in enumerate(unique)}
        encoded = item_vectors(unique, encoder)[:, :ENCODER_DIMENSIONS]
        means = mean_vectors([[(row[text], weight) for text, weight in own] for own in parts], encoded)
        vectors |= {user_id: mean for user_id, mean in zip(group, means, strict=True) if mean.any()}
        advance(len(group))
    return vectors


def _parts(texts: Sequence[Text], biography: str | None, cutoff: datetime) -> list[tuple[str, float]]:
    parts = [(biography or "", BIO_WEIGHT)]
    for item in texts:
        new = item.shared_at is None
        weight = (
            DEPTH_WEIGHT[item.depth_level] if new else item_weight(item.shared_at or cutoff, item.depth_level, cutoff)
        )
        parts.append((item.text, weight))
    return sorted((canonical, weight) for text, weight in parts if (canonical := canonical_text(text)))
