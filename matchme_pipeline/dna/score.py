"""The MySoul DNA score: five weighted strands, rounded once, with tier, percentile and the member's explanation."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from matchme_pipeline.dna.behaviour import Behaviour, behaviour
from matchme_pipeline.dna.culture import Culture, culture
from matchme_pipeline.dna.depth import Depth, depth
from matchme_pipeline.dna.facts import Facts, resolve_religion
from matchme_pipeline.dna.fixed_point import MICRO, Integers, divide_half_up, micro, share_below
from matchme_pipeline.dna.habits import Habits, habits
from matchme_pipeline.dna.rarity import Rarity, rarity
from matchme_pipeline.dna.traits import Traits, member_traits
from matchme_pipeline.dna.weights import (
    ALGORITHM_VERSION,
    NEUTRAL,
    REQUIRED_APPROVED_INSIGHTS,
    TIERS,
    WEIGHTS,
)


@dataclass(frozen=True)
class Strands:
    """The results of the five strands before the explanation; rows are in the population's order."""

    facts: Facts
    traits: Traits
    rarity: Rarity
    depth: Depth
    habits: Habits
    behaviour: Behaviour
    originality: pd.DataFrame
    culture: Culture

    @property
    def points(self) -> dict[str, Integers]:
        """Each strand's raw score in micro-points (0 to 100,000,000), in the order of the weights."""
        return {
            "trait_rarity": self.rarity.points,
            "profile_depth": self.depth.points,
            "behavioural": self.behaviour.points,
            "content_originality": micro(self.originality["score"].to_numpy(dtype=np.float64)),
            "cultural_variance": self.culture.points,
        }

    @property
    def found(self) -> Counter[str]:
        """Irregularities of the data that a rule handles, counted by name."""
        return (
            self.facts.found
            + self.traits.found
            + Counter(
                {
                    "posts_before_joining": self.habits.moved,
                    "unknown_joining_dates": int((self.habits.days < 0).sum()),
                    "traits_without_distribution": self.rarity.unknown,
                    "members_without_originality": int(self.originality["own_items"].isna().sum()),
                }
            )
        )


def strands(facts: Facts, distribution: pd.DataFrame, originality: pd.DataFrame) -> Strands:
    """The five strands of everyone in `facts`.

    `distribution` is the result of `traits.distribution`, `originality` that of `originality.originality`; members
    without originality have 50.
    """
    facts = resolve_religion(facts)
    traits = member_traits(facts)
    figures = habits(facts, traits)
    own = originality.set_index("user_id").reindex(facts.members["user_id"]).reset_index()
    return Strands(
        facts=facts,
        traits=traits,
        rarity=rarity(traits, distribution),
        depth=depth(facts.members),
        habits=figures,
        behaviour=behaviour(figures),
        originality=own.assign(
            score=own["score"].astype(np.float64).fillna(NEUTRAL),
            measured=own["measured"].eq(True),
        ),
        culture=culture(traits, facts.members["city"]),
    )


def scores(found: Strands) -> pd.DataFrame:
    """One row per member, by `user_id`: the score, its tier, and the figures beside it.

    Columns: `user_id`, `score` (0-100), `tier`, `seed_state`, one column of micro-points per strand,
    `percentile_rank` (hundredths of a per cent of the scored members with a lower score; missing in the seed state),
    `approved_insights`, `days_active`, `algorithm_version`, and `member`, the position in the population.
    """
    points = found.points
    approved = _approved(found.facts)
    seed_state = approved < REQUIRED_APPROVED_INSIGHTS
    total = np.where(seed_state, 0, weighted(points))
    rank = np.full(len(total), -1, dtype=np.int64)
    if (~seed_state).any():
        below, _ = share_below(total[~seed_state])
        rank[~seed_state] = divide_half_up(below * 10_000, len(below))
    table = pd.DataFrame(
        {
            "user_id": found.facts.members["user_id"].to_numpy(dtype=object),
            "member": np.arange(len(total)),
            "score": total,
            "tier": tiers(total),
            "seed_state": seed_state,
            **points,
            "percentile_rank": pd.array(rank, dtype="Int64"),
            "approved_insights": approved,
            "days_active": np.maximum(found.habits.days, 0),
            "algorithm_version": ALGORITHM_VERSION,
        }
    )
    table.loc[table["percentile_rank"] < 0, "percentile_rank"] = pd.NA
    return table.sort_values("user_id", kind="stable").reset_index(drop=True)


def weighted(points: dict[str, Integers]) -> Integers:
    """The score before the test for missing data: Σ weight · strand, rounded only here, halves up."""
    total = sum((WEIGHTS[strand] * values for strand, values in points.items()), np.int64(0))
    return divide_half_up(np.asarray(total, dtype=np.int64), 100 * MICRO)


def whole_points(points: dict[str, Integers], score: Integers) -> dict[str, Integers]:
    """Each strand's weighted points as integers that add up to the score, none above its weight.

    Largest remainders: every share is rounded down, then the points left go to the largest remainders, in the order of
    the weights if equal. If the score is 0, all parts are 0.
    """
    exact = np.stack([WEIGHTS[strand] * values for strand, values in points.items()], axis=1)
    whole, rest = np.divmod(exact, 100 * MICRO)
    lacking = score - whole.sum(axis=1)
    place = np.argsort(np.argsort(-rest, axis=1, kind="stable"), axis=1, kind="stable")
    whole += place < lacking[:, None]
    whole[score == 0] = 0
    return {strand: whole[:, column] for column, strand in enumerate(points)}


def tiers(score: Any) -> np.ndarray:
    """The tier of each score."""
    names = np.array(list(TIERS), dtype=object)
    return names[np.searchsorted(np.array(list(TIERS.values())), np.asarray(score), side="left")]


def _approved(facts: Facts) -> Integers:
    position = pd.Index(facts.members["user_id"], dtype=object)
    approved = facts.insights["user_id"][(facts.insights["review_status"] == "approved").to_numpy(dtype=bool)]
    member = position.get_indexer(pd.Index(approved, dtype=object))
    return np.bincount(member[member >= 0], minlength=len(position)).astype(np.int64)
