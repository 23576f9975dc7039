"""Checks across stages and the ones that keep a broken week from members."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import AssetCheckResult, AssetKey, DagsterInstance

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.definitions import defs
from matchme_pipeline.dna import checks as dna_checks
from matchme_pipeline.matching import checks as matching_checks
from matchme_pipeline.matching.week import ranking
from matchme_pipeline.operations import checks
from matchme_pipeline.operations.recorded_database import RecordedDatabaseResource
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import Week
from matchme_pipeline_tests.materialising import (
    OF_RUNS,
    WEEKS,
    changed_tables,
    materialise,
    rows_of_every_table,
)

LAST = WEEKS[-1]


def evaluate(check: Any, **given: object) -> AssetCheckResult:
    outcome = check.node_def.compute_fn.decorated_fn(**given)
    assert isinstance(outcome, AssetCheckResult)
    return outcome


def in_week(week: Week) -> SimpleNamespace:
    return SimpleNamespace(partition_key=week.key)


def one_side_only(rows: list[Any]) -> list[Any]:
    return rows[1:]


def with_themselves(rows: list[Any]) -> list[Any]:
    first = rows[0]
    return [*rows, type(first)(first.user_id, first.user_id, first.score, 5, first.factors)]


def with_somebody_of_the_same_gender(rows: list[Any]) -> list[Any]:
    """A match of one's match instead of one's match: ranks and scores are as they should be, the gender is not."""
    pairs = {(row.user_id, row.match_user_id): row for row in rows}
    a, c = next((a, c) for (a, b) in pairs for (other, c) in pairs if other == b and c != a)
    of_a = next(row for row in rows if row.user_id == a)
    of_c = next(row for row in rows if row.user_id == c)
    lost = {(of_a.match_user_id, a), (of_c.match_user_id, c), (a, of_a.match_user_id), (c, of_c.match_user_id)}
    kept = [row for key, row in pairs.items() if key not in lost]
    make = type(of_a)
    return [
        *kept,
        make(a, c, of_a.score, of_a.rank, of_a.factors),
        make(c, a, of_a.score, of_c.rank, of_a.factors),
    ]


@pytest.mark.parametrize("break_rows", [one_side_only, with_themselves, with_somebody_of_the_same_gender])
def test_matches_that_break_a_rule_are_never_seen(
    finished: Connection,
    finished_url: str,
    monkeypatch: pytest.MonkeyPatch,
    break_rows: Callable[[list[Any]], list[Any]],
):
    before = rows_of_every_table(finished)
    ranked = ranking.ranked_rows
    monkeypatch.setattr(ranking, "ranked_rows", lambda *given: break_rows(ranked(*given)))
    with DagsterInstance.ephemeral() as instance:
        result = materialise(
            finished_url, LAST, "weekly_matches", "chaichat_previews", instance=instance, raise_on_error=False
        )
    assert not result.success
    failure = result.failure_data_for_node("weekly_matches")
    assert failure is not None
    assert "nothing was published" in str(failure.error)
    if break_rows is with_somebody_of_the_same_gender:
        # The two may also be of an age, or live where, the other does not wish for.
        assert "gender: 1" in str(failure.error)
        assert "not_eligible: 1" in str(failure.error)
    assert not result.asset_materializations_for_node("chaichat_previews")
    assert changed_tables(before, rows_of_every_table(finished)) == []


def test_a_member_who_leaves_while_the_week_is_computed_stops_no_week(
    finished: Connection, finished_url: str, monkeypatch: pytest.MonkeyPatch
):
    ranked = ranking.ranked_rows
    gone: list[str] = []

    def leaving(matches: Any, *given: Any) -> Any:
        if not gone:
            gone.append(matches[0].a)
            finished.execute("update profiles set deleted_at = now() where clerk_user_id = %s", gone)
        return ranked(matches, *given)

    monkeypatch.setattr(ranking, "ranked_rows", leaving)
    assert materialise(finished_url, LAST, "weekly_matches").success
    left = "select count(*) from weekly_matches where week_start_date = %s and %s in (user_id, match_user_id)"
    assert finished.execute(left, [LAST.match_week, *gone]).fetchone() == (0,)


def test_the_published_week_is_checked_again_and_blocks_what_builds_on_it(finished: Connection, finished_url: str):
    finished.execute(
        "update profiles set gender_preference = array[gender] where clerk_user_id = "
        "(select min(user_id) from weekly_matches where week_start_date = %s)",
        [LAST.match_week],
    )
    database = RecordedDatabaseResource(url=finished_url)
    outcome = evaluate(matching_checks.matches_keep_hard_preferences, context=in_week(LAST), database=database)
    assert not outcome.passed
    assert outcome.metadata["gender"].value > 0
    graph = defs.resolve_asset_graph()
    blocking = {
        key.name
        for key in graph.asset_check_keys
        if key.asset_key == AssetKey("weekly_matches") and graph.get(key).blocking
    }
    assert {"matches_keep_the_rules", "matches_keep_hard_preferences"} <= blocking


def test_a_match_that_was_viewed_stands_when_a_wish_changes(finished: Connection, finished_url: str):
    finished.execute("update weekly_matches set viewed_at = now() where week_start_date = %s", [LAST.match_week])
    finished.execute("update match_preferences set age_range_min = 98, age_range_max = 99")
    # The scale of the week's compatibilities follows from who may meet whom now.
    others = {*OF_RUNS, "matching_scales"}
    before = rows_of_every_table(finished, others)
    assert materialise(finished_url, LAST, "weekly_matches").success
    assert changed_tables(before, rows_of_every_table(finished, others)) == []


def test_scores_that_leap_within_a_week_are_noticed(finished: Connection, finished_url: str):
    database = RecordedDatabaseResource(url=finished_url)
    given = {"context": in_week(LAST), "database": database}
    calm = evaluate(dna_checks.scores_resemble_last_weeks, **given)
    assert calm.passed
    assert calm.metadata["members"].value > 50
    finished.execute("update dna_score_history set score = least(score + 15, 100) where week = %s", [LAST.sunday])
    assert not evaluate(dna_checks.scores_resemble_last_weeks, **given).passed


def finished_at(monkeypatch: pytest.MonkeyPatch, week: Week, since_cutoff: timedelta, automation: bool) -> Any:
    """The outcome of the check on a week whose summary was materialised so long after its cutoff."""
    monkeypatch.setenv("MATCHME_AUTOMATION", "true" if automation else "false")
    process_settings.cache_clear()
    event = SimpleNamespace(timestamp=(week.cutoff + since_cutoff).timestamp())
    instance = SimpleNamespace(fetch_materializations=lambda *_, **__: SimpleNamespace(records=[event]))
    outcome = evaluate(
        checks.finished_by_sunday_seven, context=SimpleNamespace(partition_key=week.key, instance=instance)
    )
    process_settings.cache_clear()
    return outcome


@pytest.mark.parametrize(
    ("since_cutoff", "passed"),
    [
        (timedelta(hours=4, minutes=59), True),
        (timedelta(hours=5, minutes=1), False),
        # A backfill: nobody had promised an old week for last Sunday.
        (timedelta(days=8), True),
    ],
)
def test_a_week_that_automation_promised_is_due_by_sunday_seven(
    monkeypatch: pytest.MonkeyPatch, since_cutoff: timedelta, passed: bool
):
    outcome = finished_at(monkeypatch, LAST, since_cutoff, automation=True)
    assert outcome.passed is passed
    assert passed or "Late, not broken" in str(outcome.description)


def test_a_week_that_was_started_by_hand_is_not_called_late(monkeypatch: pytest.MonkeyPatch):
    outcome = finished_at(monkeypatch, LAST, timedelta(hours=30), automation=False)
    assert outcome.passed
    assert outcome.metadata["hours_before_due"].value < 0


def test_a_week_that_nobody_has_finished_is_not_called_finished():
    with DagsterInstance.ephemeral() as instance:
        context = SimpleNamespace(partition_key=LAST.key, instance=instance)
        outcome = evaluate(checks.finished_by_sunday_seven, context=context)
    assert not outcome.passed
    assert f"matchme run --week {LAST.key}" in str(outcome.description)
