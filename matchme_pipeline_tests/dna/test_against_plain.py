"""The score agrees, to the last digit, with a plain re-implementation, and depends on nothing that it should not."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matchme_pipeline.dna.breakdown import explained
from matchme_pipeline.dna.facts import Facts, resolve_religion
from matchme_pipeline.dna.originality import ItemSums, originality
from matchme_pipeline.dna.score import scores, strands
from matchme_pipeline.dna.traits import distribution, member_traits
from matchme_pipeline.dna.weights import WEIGHTS
from matchme_pipeline_tests.dna.made import DIMENSIONS, make, populations
from matchme_pipeline_tests.dna.plain import plain_scores

Items = list[tuple[str, np.ndarray]]
_quietly = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def real_scores(facts: Facts, items: Items, chunks: int = 1) -> dict[str, dict[str, Any]]:
    """The real score in the shape of the plain one."""
    shares = distribution(member_traits(resolve_religion(facts)))
    found = strands(facts, shares, originality(facts.members["user_id"], sums_of(facts, items, chunks)))
    table = explained(scores(found), found)
    return {
        row["user_id"]: {
            **{strand: row[strand] for strand in WEIGHTS},
            "score": row["score"],
            "seed_state": row["seed_state"],
            "approved_insights": row["approved_insights"],
            "tier": row["tier"],
            "rare_traits": [trait["trait"] for trait in row["rare_traits"]],
            "unique_behaviours": [one["behaviour"] for one in row["unique_behaviours"]],
            "percentile_rank": None if pd.isna(row["percentile_rank"]) else row["percentile_rank"],
        }
        for row in table.to_dict("records")
    }


def sums_of(facts: Facts, items: Items, chunks: int = 1) -> ItemSums:
    sums = ItemSums(len(facts.members), items[0][1].shape[0] if items else DIMENSIONS)
    position = {user: n for n, user in enumerate(facts.members["user_id"])}
    known = [(position[user], vector) for user, vector in items if user in position]
    for part in np.array_split(np.arange(len(known)), chunks):
        if len(part):
            sums.add(np.array([known[n][0] for n in part]), np.stack([known[n][1] for n in part]))
    return sums


@settings(parent=_quietly, max_examples=60)
@given(populations())
def test_made_populations_agree_with_the_plain_definitions(made: tuple[Facts, Items]) -> None:
    facts, items = made
    assert real_scores(facts, items) == plain_scores(facts, items)


@_quietly
@given(populations(), st.randoms(use_true_random=False), st.integers(1, 7))
def test_order_of_rows_and_size_of_chunks_change_nothing(made: tuple[Facts, Items], random: Any, chunks: int) -> None:
    facts, items = made

    def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.iloc[random.sample(range(len(frame)), len(frame))]

    other = dataclasses.replace(
        facts,
        members=shuffled(facts.members),
        posts=shuffled(facts.posts),
        insights=shuffled(facts.insights),
        answers=shuffled(facts.answers),
    )
    assert real_scores(other, random.sample(items, len(items)), chunks) == real_scores(facts, items)


@_quietly
@given(populations())
def test_renaming_members_changes_nothing(made: tuple[Facts, Items]) -> None:
    facts, items = made
    names = {user: f"zz{len(facts.members) - n:03d}" for n, user in enumerate(facts.members["user_id"])}

    def renamed(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(user_id=[names.get(user, user) for user in frame["user_id"]])

    other = Facts(
        facts.cutoff,
        renamed(facts.members),
        renamed(facts.posts),
        renamed(facts.insights),
        renamed(facts.answers),
        facts.found,
    )
    again = real_scores(other, [(names[user], vector) for user, vector in items])
    assert {user: again[names[user]] for user in names} == real_scores(facts, items)


@_quietly
@given(populations())
def test_a_trait_that_everybody_has_changes_no_score(made: tuple[Facts, Items]) -> None:
    facts, items = made
    extra = [
        {
            "user_id": u,
            "question_id": "all",
            "question": "?",
            "type": "multiChoice",
            "options": ["yes"],
            "answer": "yes",
        }
        for u in facts.members["user_id"]
    ]
    other = dataclasses.replace(
        facts, answers=pd.DataFrame([*facts.answers.to_dict("records"), *extra], columns=facts.answers.columns)
    )
    assert real_scores(other, items) == real_scores(facts, items)


@_quietly
@given(populations(largest=8))
def test_two_members_with_the_same_facts_have_the_same_score(made: tuple[Facts, Items]) -> None:
    facts, items = made
    if facts.members.empty:
        return
    twin = facts.members["user_id"].iloc[0]

    def doubled(frame: pd.DataFrame) -> list[dict[str, Any]]:
        rows = frame.to_dict("records")
        return rows + [row | {"user_id": "a_twin"} for row in rows if row["user_id"] == twin]

    other = make(*(doubled(f) for f in (facts.members, facts.posts, facts.insights, facts.answers)))
    both = real_scores(other, items + [("a_twin", vector) for user, vector in items if user == twin])
    assert both["a_twin"] == both[twin]


@_quietly
@given(populations())
def test_points_shown_add_up_to_the_score(made: tuple[Facts, Items]) -> None:
    facts, items = made
    shares = distribution(member_traits(resolve_religion(facts)))
    found = strands(facts, shares, originality(facts.members["user_id"], sums_of(facts, items)))
    for row in explained(scores(found), found).to_dict("records"):
        points = sum(row["component_breakdown"][strand]["points"] for strand in WEIGHTS)
        assert abs(points - row["score"]) <= 0.5 + 1e-9
        assert row["score"] == 0 or not row["seed_state"]
        assert ("seed_state" in row["component_breakdown"]) == row["seed_state"]
