"""Can whoever is on call go back to bed? The verdict on every state of a Sunday."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.operations.assessment import ActiveRun, Situation, assess
from matchme_pipeline.operations.situation import situation
from matchme_pipeline.settings import Settings

WEEK = date(2026, 11, 15)
CLOSED = datetime(2026, 11, 22, 2, tzinfo=UTC)
DUE = datetime(2026, 11, 22, 7, tzinfo=UTC)
NOTHING = Situation(
    now=CLOSED + timedelta(hours=2),
    newest=WEEK,
    closed_at=CLOSED,
    due_at=DUE,
    is_finished=False,
    finished_at=None,
    automation=True,
    active_run=None,
    usual_seconds=(3600.0, 3600.0, 7200.0),
)
ACTIVE_RUN = ActiveRun(WEEK, "r", CLOSED, 50, 100)


def at(hours: float, **changed: object) -> Situation:
    return replace(NOTHING, now=CLOSED + timedelta(hours=hours), **changed)


FAILURE = ("key refused", "The key is wrong.", "Correct it.")


@pytest.mark.parametrize(
    ("seen", "can_sleep", "words"),
    [
        (at(3, is_finished=True, finished_at=CLOSED + timedelta(hours=1)), True, "finished, 4 h 00 min before"),
        (at(9, is_finished=True, finished_at=DUE + timedelta(minutes=5)), True, "finished, 5 min after"),
        (at(0.5, active_run=ACTIVE_RUN), True, "50% done, forecast 03:00 UTC, due 07:00 UTC"),
        # It takes longer than ever: the forecast moves on with it.
        (at(4.9, active_run=ACTIVE_RUN), False, "late"),
        (at(1, active_run=ACTIVE_RUN, usual_seconds=()), True, "so far"),
        (at(6, active_run=ACTIVE_RUN, usual_seconds=()), False, "No"),
        (at(0.2), True, "about to start"),
        (at(0.2, automation=False), False, "matchme run --week 2026-11-15"),
        (at(2), False, "no run is active"),
        (at(2, failure=FAILURE, will_retry=True), True, "retried automatically"),
        (at(6, failure=FAILURE, will_retry=True), False, "Correct it."),
        (at(2, failure=FAILURE), False, "The key is wrong. Correct it."),
        (at(2, active_run=replace(ACTIVE_RUN, week=date(2026, 11, 8))), True, "waits for week 2026-11-08"),
        (
            at(30, active_run=replace(ACTIVE_RUN, week=date(2026, 11, 8))),
            False,
            "week 2026-11-15 waits for week 2026-11-08, which is running, and was due Sun 22 Nov 07:00 UTC.",
        ),
        (at(6, active_run=ACTIVE_RUN, usual_seconds=()), False, "was due 07:00 UTC"),
    ],
)
def test_the_first_line_answers(seen: Situation, can_sleep: bool, words: str):
    found = assess(seen)
    assert found.can_sleep is can_sleep, found
    assert words in found.sentence
    assert found.sentence.startswith("Yes" if can_sleep else "No")


def test_one_of_a_kind_is_told_as_one():
    weeks = (WEEK - timedelta(days=7),)
    found = assess(at(3, is_finished=True, missing=weeks, failed_jobs=1, waiting_jobs=1, open_alerts=1))
    assert found.later == [
        "1 older week is not materialised.",
        "1 job has failed all attempts: `matchme jobs list --status failed`",
        "1 failed job waits for its next attempt.",
        "1 alert is open.",
    ]


def test_what_can_wait_wakes_nobody():
    found = assess(
        at(
            3,
            is_finished=True,
            missing=(WEEK - timedelta(days=14), WEEK - timedelta(days=7)),
            failed_jobs=339,
            waiting_jobs=4,
            open_alerts=1,
        )
    )
    assert found.can_sleep
    assert len(found.later) == 4
    assert "339 jobs have failed" in found.later[1]


def test_a_failed_week_is_seen_in_the_tables(app_database: Connection):
    settings = Settings(MATCHME_FIRST_WEEK=WEEK)
    app_database.execute(
        """
        insert into batch_run_history (run_type, week, status, dagster_run_id, publishes_matches, started_at,
            completed_at, duration_seconds, error_log)
        values ('weekly_full', %s, 'failed', 'r1', true, %s, %s, 60, %s)
        """,
        [WEEK, CLOSED, CLOSED + timedelta(minutes=1), '[{"error": "The API refuses the key (HTTP 401)."}]'],
    )
    found = assess(situation(app_database, settings, CLOSED + timedelta(hours=2)))
    assert not found.can_sleep
    assert "key refused" in found.sentence
    app_database.execute(
        """
        insert into batch_run_history (run_type, week, status, dagster_run_id, publishes_matches, started_at,
            completed_at, duration_seconds)
        values ('weekly_full', %s, 'completed', 'r2', true, %s, %s, 600)
        """,
        [WEEK, CLOSED + timedelta(minutes=5), CLOSED + timedelta(minutes=15)],
    )
    found = assess(situation(app_database, settings, CLOSED + timedelta(hours=2)))
    assert found.can_sleep
    assert "4 h 45 min before" in found.sentence


def test_a_pipeline_without_a_closed_week_owes_nobody_anything(app_database: Connection):
    settings = Settings(MATCHME_FIRST_WEEK=date(2026, 11, 22))
    assert assess(situation(app_database, settings, CLOSED + timedelta(hours=2))).can_sleep
