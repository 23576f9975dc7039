"""The retention rules: what the pipeline removes, after how long, and by which setting.

No rule removes the data that late weeks need (content items, answers and vectors of texts, reviews), the ledger, shown
matches and the last observation of their outcomes, score histories, or failed jobs. Removed data is either recorded
elsewhere, or is computed again without model calls when its week is materialised again.
"""

import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from matchme_pipeline.database import dagster_addresses
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.database.retention import prune_events
from matchme_pipeline.llm.store import batch_queries
from matchme_pipeline.operations import retention_queries, run_queries
from matchme_pipeline.settings import Settings

RETENTION_JOB = "retention"


@dataclass(frozen=True)
class Rule:
    """What is removed, by which setting, and how: `remove` gets the database, the settings and the present time."""

    name: str
    setting: str
    removes: str
    remove: Callable[[Connection, Settings, datetime], int]


def apply_rules(connection: Connection, settings: Settings, now: datetime) -> dict[str, int]:
    """Apply every rule; returns how much each removed."""
    return {rule.name: rule.remove(connection, settings, now) for rule in RULES}


def _member_vectors(connection: Connection, settings: Settings, now: datetime) -> int:
    with connection.transaction():
        before, busy = _old_weeks(connection, settings.keep_vector_weeks, now)
        return retention_queries.remove_member_vectors(connection, before, busy)


def _passing_outcomes(connection: Connection, settings: Settings, now: datetime) -> int:
    with connection.transaction():
        before, busy = _old_weeks(connection, settings.keep_outcome_weeks, now)
        return retention_queries.remove_passing_outcomes(connection, before, busy)


def _finished_jobs(connection: Connection, settings: Settings, now: datetime) -> int:
    with connection.transaction():
        before, busy = _old_weeks(connection, settings.keep_job_weeks, now)
        return retention_queries.remove_finished_jobs(connection, before, busy)


def _audit(connection: Connection, settings: Settings, now: datetime) -> int:
    return retention_queries.remove_audit(connection, now - timedelta(days=settings.keep_audit_days))


def _batches(connection: Connection, settings: Settings, now: datetime) -> int:
    return retention_queries.remove_read_batches(
        connection, now - timedelta(weeks=settings.keep_job_weeks), batch_queries.NEWEST_BATCHES
    )


def _triggers(connection: Connection, settings: Settings, now: datetime) -> int:
    return retention_queries.remove_triggers(connection, now - timedelta(days=settings.keep_audit_days))


def _reservations(connection: Connection, _settings: Settings, now: datetime) -> int:
    return retention_queries.remove_stale_reservations(connection, now - timedelta(days=1))


def _departures(connection: Connection, _settings: Settings, now: datetime) -> int:
    # The window is one minute; the next request to a provider removes its own old rows.
    return retention_queries.remove_departures(connection, now - timedelta(days=1))


def _events(_connection: Connection, settings: Settings, now: datetime) -> int:
    with connect(dagster_addresses.plain_url(settings), vectors=False) as storage:
        if settings.dagster_database_url is None and settings.database_url is not None:
            storage.execute(f"set search_path = {dagster_addresses.SCHEMA}")
        return prune_events(storage, now - timedelta(days=settings.keep_event_days))


def _compute_logs(_connection: Connection, settings: Settings, now: datetime) -> int:
    before = (now - timedelta(days=settings.keep_event_days)).timestamp()
    removed = 0
    for folder in dagster_addresses.files_dir(settings).glob("*/compute_logs"):
        # An active run writes; what has not changed for so long belongs to a run that is over.
        if max(path.stat().st_mtime for path in (folder, *folder.iterdir())) < before:
            shutil.rmtree(folder)
            removed += 1
    return removed


def _old_weeks(connection: Connection, keep: int, now: datetime) -> tuple[date, Collection[date]]:
    """The Sunday before which weeks are old, and the weeks that runs are working on; no run begins meanwhile."""
    run_queries.lock_run_rows(connection)
    busy = {row.week for row in run_queries.running_rows(connection) if row.week is not None}
    return (now.astimezone(UTC) - timedelta(weeks=keep + 1)).date(), busy


RULES = (
    Rule("member_vectors", "MATCHME_KEEP_VECTOR_WEEKS", "members' vectors of old weeks", _member_vectors),
    Rule(
        "passing_outcomes",
        "MATCHME_KEEP_OUTCOME_WEEKS",
        "what old weeks observed of matches that a later week observed again",
        _passing_outcomes,
    ),
    Rule("finished_jobs", "MATCHME_KEEP_JOB_WEEKS", "completed jobs of old weeks", _finished_jobs),
    Rule("read_batches", "MATCHME_KEEP_JOB_WEEKS", "old batches of model calls that were read", _batches),
    Rule("api_audit", "MATCHME_KEEP_AUDIT_DAYS", "old audit rows of the API", _audit),
    Rule("api_triggers", "MATCHME_KEEP_AUDIT_DAYS", "old requests for runs over the API", _triggers),
    Rule("budget_holdings", "one day", "budget reservations of killed processes", _reservations),
    Rule("llm_departures", "one day", "send times of requests, for the one-minute rate limit", _departures),
    Rule("dagster_events", "MATCHME_KEEP_EVENT_DAYS", "progress events of finished runs", _events),
    Rule("compute_logs", "MATCHME_KEEP_EVENT_DAYS", "folders of runs' standard output", _compute_logs),
)
