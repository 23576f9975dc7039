"""Random crowds for matching's tests: everybody who may be there, with gaps, doubles and wishes of all kinds."""

from datetime import timedelta

import numpy as np

from matchme_pipeline.llm.contracts import SharedInsight
from matchme_pipeline.matching.engine.match_engine import Knowledge
from matchme_pipeline.matching.rules.members import MemberRow
from matchme_pipeline_tests.matching.made import CUTOFF, row

TITLES = tuple(f"Title {n}" for n in range(6))
DIMENSIONS = 12


def crowd(seed: int, members: int) -> Knowledge:
    """So many members; some exactly alike, some without a vector, a score or an insight."""
    rng = np.random.default_rng(seed)
    rows = [_member(rng, f"user_{number:03d}") for number in range(members)]
    have = [one.user_id for one in rows if rng.random() < 0.85]
    directions = rng.standard_normal((4, DIMENSIONS))
    vectors = directions[rng.integers(4, size=len(have))] + 0.5
    # A third are their direction itself, so that scores tie.
    vectors += rng.standard_normal(vectors.shape) * (rng.random(len(have)) > 0.3)[:, None]
    approved = {
        one.user_id: [
            SharedInsight(f"{one.user_id}-{title}", "values", title, "") for title in TITLES if rng.random() < 0.4
        ]
        for one in rows
    }
    dna = {one.user_id: int(rng.integers(0, 101)) for one in rows if rng.random() < 0.8}
    return Knowledge(rows, have, vectors.astype(np.float32), dna, approved)


def _member(rng: np.random.Generator, user_id: str) -> MemberRow:
    def maybe(value: object, share: float = 0.8) -> object:
        return value if rng.random() < share else None

    gender = ("male", "female")[int(rng.random() < 0.5)]
    wants = [["male"], ["female"], ["male", "female"], None]
    usual = [["female"] if gender == "male" else ["male"]] * 6
    place = rng.random() < 0.9
    low = int(rng.integers(18, 40))
    return row(
        user_id,
        gender=gender,
        gender_preference=[*wants, *usual][int(rng.integers(10))],
        birthdate=(CUTOFF - timedelta(days=int(rng.integers(19, 60)) * 365 + 30)).date(),
        lat=float(rng.choice([51.5, 52.5, 53.5])) if place else None,
        lng=float(rng.choice([-0.1, -1.9, -2.2])) if place else None,
        max_distance=int(rng.choice([100, 200, 400, 20_000])),
        age_range_min=low,
        age_range_max=low + int(rng.integers(10, 40)),
        family_values=maybe(str(rng.choice(["traditional", "balanced", "modern"]))),
        wants_children=maybe(bool(rng.random() < 0.6)),
        has_children=maybe(bool(rng.random() < 0.2)),
        has_children_preference=str(rng.choice(["doesntMatter", "doesntMatter", "no"])),
        prayer_frequency=maybe(str(rng.choice(["five_daily", "most", "some", "jummah"]))),
        partner_prayer_importance=maybe(int(rng.integers(1, 11))),
        sect=str(rng.choice(["sunni", "sunni", "shia"])),
        partner_sect_preference=[["sunni"], [], []][int(rng.integers(3))],
        onboarding_completed=bool(rng.random() < 0.95),
    )
