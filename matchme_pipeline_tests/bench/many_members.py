"""Tens of thousands of members written straight into the tables, as weeks of sharing and reviewing would leave them.

Who members are and what they look for is drawn as the seeded population draws it. What the stages before matching would
have made of their posts is drawn from the same latent truth: approved insights on the themes that move a member, a
vector that leans towards those themes, a DNA score.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import VECTOR_DIMENSIONS, copy_rows
from matchme_pipeline.dna.weights import WEIGHTS
from matchme_pipeline.population import queries
from matchme_pipeline.population.ids import row_id
from matchme_pipeline.population.people import Member, Row, member
from matchme_pipeline.population.preferences import islamic_preferences, match_preferences
from matchme_pipeline.population.random_draws import happens, whole
from matchme_pipeline.population.seed import generator
from matchme_pipeline.population.vocabulary import KINDS, vocabulary
from matchme_pipeline.week import Week

_BLOCK = 2_000
# Sentence vectors share a large common part, lean towards their themes, and differ in much else.
_COMMON, _THEMES, _REST = 0.6, 1.0, 0.8
_WITHOUT_VECTOR = 0.02
_SEED_STATE = 0.1
# How likely an approved insight is, for a theme that weighs as much as all the others of its kind together.
_APPROVED = 1.3


def fill(connection: Connection, members: int, week: Week, model: str, seed: int = 7) -> None:
    """Write so many members with everything that `weekly_matches` of `week` reads; the same seed, the same rows."""
    queries.create_truth(connection)
    directions = _directions(seed)
    for first in range(0, members, _BLOCK):
        drawn = list(_drawn(range(first, min(first + _BLOCK, members)), week, seed))
        with connection.transaction():
            for table in ("profiles", "match_preferences", "islamic_preferences", "user_insights"):
                queries.copy_dicts(connection, table, (row for _, rows in drawn for row in rows[table]))
            _copy_scores(connection, [one for one, _ in drawn], week, seed)
            _copy_vectors(connection, [one for one, _ in drawn], week, model, seed, directions)
    connection.execute(
        "analyze profiles; analyze match_preferences; analyze islamic_preferences; analyze user_insights; "
        "analyze user_embeddings; analyze dna_score_history"
    )


def _drawn(indices: range, week: Week, seed: int) -> Iterator[tuple[Member, dict[str, list[Row]]]]:
    for index in indices:
        rng = generator(seed, index)
        one = member(rng, seed, index, week.start, week.cutoff)
        rows = {
            "profiles": [one.profile],
            "match_preferences": _if_any(match_preferences(rng, one, seed)),
            "islamic_preferences": _if_any(islamic_preferences(rng, one, seed)),
            "user_insights": _approved(rng, one, week, seed),
        }
        yield one, rows


def _approved(rng: np.random.Generator, one: Member, week: Week, seed: int) -> list[Row]:
    """Approved insights of a member: the more a theme weighs, the likelier."""
    rows = []
    for kind in KINDS:
        for name, weight in _weights(one, kind).items():
            theme = vocabulary().themes[kind][name]
            at = week.start - timedelta(days=whole(rng, 1, 60))
            if at > one.joined_at and happens(rng, min(0.95, _APPROVED * weight)):
                rows.append(
                    {
                        "id": row_id(seed, "approved", one.index, kind, name),
                        "clerk_user_id": one.user_id,
                        "insight_category": theme.category,
                        "title": theme.title,
                        "description": f"You write about {theme.about} as someone who means it.",
                        "source_quote": theme.about,
                        "confidence_score": whole(rng, 60, 95),
                        "status": "approved",
                        "contributes_to_dna": True,
                        "reviewed_at": at,
                        "created_at": at - timedelta(days=1),
                        "expires_at": at + timedelta(days=30),
                        "updated_at": at,
                    }
                )
    return rows


def _copy_scores(connection: Connection, members: list[Member], week: Week, seed: int) -> None:
    rows = []
    for one in members:
        rng = np.random.default_rng([seed, one.index, 1])
        score = int(np.clip(round(rng.normal(48, 16)), 0, 100))
        rows.append(
            (one.user_id, week.sunday, score, "Common", happens(rng, _SEED_STATE), "b", *(score,) * len(WEIGHTS))
        )
    copy_rows(
        connection,
        "dna_score_history",
        ("user_id", "week", "score", "tier", "seed_state", "algorithm_version", *WEIGHTS),
        ("text", "date", "int4", "text", "bool", "text", *("numeric",) * len(WEIGHTS)),
        rows,
    )


def _copy_vectors(
    connection: Connection, members: list[Member], week: Week, model: str, seed: int, directions: Mapping[str, Any]
) -> None:
    rows = []
    for one in members:
        rng = np.random.default_rng([seed, one.index, 2])
        if happens(rng, _WITHOUT_VECTOR):
            continue
        vector = _COMMON * directions[""] + _REST * rng.standard_normal(VECTOR_DIMENSIONS) / VECTOR_DIMENSIONS**0.5
        for kind in KINDS:
            for name, weight in _weights(one, kind).items():
                vector += _THEMES / len(KINDS) * weight * directions[f"{kind}/{name}"]
        unit = (vector / np.linalg.norm(vector)).astype(np.float32)
        rows.append((one.user_id, week.sunday, model, unit, "drawn"))
    copy_rows(
        connection,
        "user_embeddings",
        ("user_id", "week", "model", "embedding", "input_hash"),
        ("text", "date", "text", "vector", "text"),
        rows,
    )


def _directions(seed: int) -> dict[str, Any]:
    """A unit vector for every theme, and one ("") that all share."""
    names = ["", *(f"{kind}/{name}" for kind in KINDS for name in vocabulary().themes[kind])]
    drawn = np.random.default_rng([seed, 3]).standard_normal((len(names), VECTOR_DIMENSIONS))
    return dict(zip(names, drawn / np.linalg.norm(drawn, axis=1, keepdims=True), strict=True))


def _weights(one: Member, kind: str) -> Mapping[str, float]:
    weights: Mapping[str, float] = getattr(one.latent, kind)
    return weights


def _if_any(row: Row | None) -> list[Row]:
    return [] if row is None else [row]
