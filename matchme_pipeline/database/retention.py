"""Retention of Dagster's log events; the data of the asset catalogue stays."""

from datetime import datetime, timedelta

from matchme_pipeline.database.connection import Connection

# Log events of a run's progress. Materialisations, checks, failures and the ends of runs are not among them, because
# Dagster derives the state of partitions from these.
PASSING_EVENTS = (
    "ENGINE_EVENT",
    "HANDLED_OUTPUT",
    "LOADED_INPUT",
    "LOGS_CAPTURED",
    "RESOURCE_INIT_FAILURE",
    "RESOURCE_INIT_STARTED",
    "RESOURCE_INIT_SUCCESS",
    "STEP_INPUT",
    "STEP_OUTPUT",
    "STEP_START",
    "STEP_SUCCESS",
    "STEP_WORKER_STARTED",
    "STEP_WORKER_STARTING",
)
_FINISHED = ["SUCCESS", "FAILURE", "CANCELED"]


def prune_events(connection: Connection, before: datetime) -> int:
    """Remove progress events and log lines of finished runs from before `before` (aware); returns their number.

    `connection` is to Dagster's storage. Raises ValueError for a time less than a week ago, because a failed Sunday run
    is still examined on Friday.
    """
    if before > datetime.now(before.tzinfo) - timedelta(days=7):
        raise ValueError("events of the last seven days are kept")
    if connection.execute("select to_regclass('event_logs')").fetchone() == (None,):
        # Nothing has run yet: Dagster creates its tables with the first run.
        return 0
    return connection.execute(
        """
        delete from event_logs e
        using runs r
        where r.run_id = e.run_id and r.status = any(%(finished)s) and e.asset_key is null
            and (e.dagster_event_type is null or e.dagster_event_type = any(%(passing)s))
            -- Dagster writes its times without a zone, in UTC.
            and e."timestamp" < %(before)s at time zone 'UTC'
        """,
        {"finished": _FINISHED, "passing": list(PASSING_EVENTS), "before": before},
    ).rowcount
