"""Close calls: few, the closest, the same in any order; a review moves a score a little and adds up."""

from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.llm.contracts import SharedInsight
from matchme_pipeline.matching.engine.matches import Match
from matchme_pipeline.matching.rules.weights import REVIEW_WEIGHT
from matchme_pipeline.matching.week.close_call_reviews import INSIGHTS_A_SIDE, pairs_to_review
from matchme_pipeline.matching.week.close_calls import CLOSE_POINTS, close_calls, reviewed

MEMBERS = [f"user_{n:02}" for n in range(14)]


def match(a: str, b: str, score: str) -> Match:
    """A match with one factor that makes up all of its score."""
    factor = {"name": "similarity", "contribution": float(score)}
    return Match(a, b, Decimal(score), {"score": float(score), "factors": [factor]})


scores = st.integers(0, 10_000).map(lambda hundredths: str(Decimal(hundredths).scaleb(-2)))
weeks = st.lists(
    st.tuples(st.sampled_from(list(combinations(MEMBERS, 2))), scores), max_size=60, unique_by=lambda drawn: drawn[0]
).map(lambda drawn: [match(a, b, score) for (a, b), score in drawn])


def margin(week: list[Match], one: Match) -> Decimal:
    """By the definition, without lists."""
    return min(
        (abs(one.score - other.score) for other in week if other is not one and {one.a, one.b} & {other.a, other.b}),
        default=Decimal("Infinity"),
    )


@given(weeks, st.sets(st.sampled_from(MEMBERS)), st.randoms())
def test_at_most_a_tenth_are_close_calls_the_closest_ones_in_any_order(week, reviewable, random):
    calls = close_calls(week, reviewable)
    assert len(calls) <= len(week) // 10
    shuffled = random.sample(week, len(week))
    assert close_calls(shuffled, reviewable) == calls
    possible = sorted(
        (margin(week, m), m.a, m.b) for m in week if {m.a, m.b} <= reviewable and margin(week, m) <= CLOSE_POINTS
    )
    assert [(margin(week, m), m.a, m.b) for m in calls] == possible[: len(calls)]
    assert len(calls) == min(len(possible), len(week) // 10)


def test_equal_distances_are_a_tie_at_every_height_of_the_scale():
    low = [match("a", "b", "10.00"), match("a", "c", "10.01")]
    high = [match("d", "e", "50.00"), match("d", "f", "50.01")]
    alone = [match(f"g{n}", f"h{n}", "90.00") for n in range(6)]
    week = [*high, *alone, *low]
    assert close_calls(week, {user_id for one in week for user_id in (one.a, one.b)}) == [low[0]]


@given(scores, st.integers(0, 100))
def test_a_review_moves_a_score_a_little_and_everything_still_adds_up(score, fit):
    before = match("a", "b", score)
    after = reviewed(before, fit, "strong")
    factor = after.factors["factors"][-1]
    assert 0 <= after.score <= 100
    assert abs(after.score - before.score) <= Decimal(REVIEW_WEIGHT)
    assert sum(Decimal(str(f["contribution"])) for f in after.factors["factors"]) == after.score
    assert float(after.score) == after.factors["score"]
    assert factor["contribution"] == pytest.approx(factor["value"] * factor["weight"], abs=0.005)
    assert factor["sentence"]
    assert (after.score > before.score) <= (fit > 50)
    assert (after.score < before.score) <= (fit < 50)
    assert before == match("a", "b", score)


def test_a_model_sees_approved_insights_the_weightiest_first_and_nothing_else():
    week = [match("user_a", f"user_{n:02}", "70.00") for n in range(10)]
    approved = {
        "user_a": [SharedInsight(f"id{n}", "interests", f"Loves craft {n}", "They do.") for n in range(12)]
        + [SharedInsight("v", "values", "Values honesty", "They say what is.")],
        "user_03": [SharedInsight("f", "family", "Close to parents", "They call them daily.")],
    }
    ((pair_id, (chosen, pair)),) = pairs_to_review(week, approved).items()
    assert (chosen.a, chosen.b) == ("user_a", "user_03")
    assert "user" not in pair_id
    assert len(pair.a) == INSIGHTS_A_SIDE
    assert pair.a[0].title == "Values honesty"
    assert [insight.title for insight in pair.b] == ["Close to parents"]


def test_a_match_that_a_review_could_move_below_the_least_score_is_not_reviewed():
    week = [match("a", f"b{n}", f"{50 + n / 10:.2f}") for n in range(40)]
    insight = SharedInsight("1", "values", "Honest", "")
    approved = {user_id: [insight] for one in week for user_id in (one.a, one.b)}
    reviewed_scores = [float(one.score) for one, _ in pairs_to_review(week, approved, 51.0).values()]
    assert reviewed_scores
    assert min(reviewed_scores) - REVIEW_WEIGHT >= 51.0


def test_a_match_that_a_review_could_move_to_the_least_score_is_reviewed():
    week = [match("a", f"b{n}", f"4.{n + 10}") for n in range(10)]
    insight = SharedInsight("1", "values", "Honest", "")
    approved = {user_id: [insight] for one in week for user_id in (one.a, one.b)}
    (pair,) = pairs_to_review(week, approved, 2.1).values()
    assert pair[0] == week[0]
