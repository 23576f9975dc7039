"""All SQL of alerts: the events that raise one, insertion without duplicates, and delivery."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection

# Kinds that are information only and need no action.
MESSAGES = ("week_finished", "over")
OPEN_FOR = timedelta(days=14)
_SELECT: LiteralString = """
    select id, kind, title, body, week, cost_alert, raised_at, told_at as notified_at, attempts, last_error,
        dagster_run_id, acknowledged_at, acknowledged_by, resolved_at
    from pipeline_alerts
"""


@dataclass(frozen=True)
class EndedRun:
    """A run that ended, and the first error of one that failed."""

    dagster_run_id: str
    run_type: str
    week: date | None
    status: str
    total_jobs: int
    failed_jobs: int
    error: str | None


@dataclass(frozen=True)
class AlertRow:
    """A stored alert."""

    id: UUID
    kind: str
    title: str
    body: str
    week: date | None
    cost_alert: str | None
    raised_at: datetime
    notified_at: datetime | None
    attempts: int
    last_error: str | None
    dagster_run_id: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None


def ended_runs(connection: Connection, since: datetime) -> list[EndedRun]:
    """Runs that completed or failed at `since` or later, the oldest first."""
    with connection.cursor(row_factory=class_row(EndedRun)) as cursor:
        return cursor.execute(
            """
            select dagster_run_id, run_type, week, status, total_jobs, failed_jobs, error_log -> 0 ->> 'error' as error
            from batch_run_history
            where dagster_run_id is not null and status in ('completed', 'failed') and completed_at >= %s
            order by completed_at, id
            """,
            [since],
        ).fetchall()


def insert_alert(
    connection: Connection,
    kind: str,
    cause: str,
    title: str,
    body: str,
    week: date | None,
    dagster_run_id: str | None,
    cost_alert: str | None,
) -> bool:
    """Store an alert unless its cause already has one; returns whether it is new."""
    return (
        connection.execute(
            """
            insert into pipeline_alerts (kind, cause, title, body, week, dagster_run_id, cost_alert)
            values (%s, %s, %s, %s, %s, %s, %s)
            on conflict (kind, cause) do nothing
            """,
            [kind, cause, title, body, week, dagster_run_id, cost_alert],
        ).rowcount
        > 0
    )


def recent_alerts(connection: Connection, since: datetime, limit: int = 20) -> list[AlertRow]:
    """Alerts raised at `since` or later, the newest first."""
    with connection.cursor(row_factory=class_row(AlertRow)) as cursor:
        return cursor.execute(
            _SELECT
            + """
            where raised_at >= %s
            order by raised_at desc, id
            limit %s
            """,
            [since, limit],
        ).fetchall()


def open_alerts(connection: Connection, now: datetime) -> list[AlertRow]:
    """Alerts of the last two weeks that are neither acknowledged nor over, newest first.

    Messages that need no action (a finished week, an ended problem) are left out.
    """
    with connection.cursor(row_factory=class_row(AlertRow)) as cursor:
        return cursor.execute(
            _SELECT
            + """
            where raised_at >= %s and acknowledged_at is null and resolved_at is null and not kind = any(%s)
            order by raised_at desc, id
            """,
            [now - OPEN_FOR, list(MESSAGES)],
        ).fetchall()


def claim_unnotified(
    connection: Connection, now: datetime, raised_since: datetime, most_attempts: int, limit: int, own_webhook: bool
) -> list[AlertRow]:
    """Claim alerts that are due for delivery; a claim lasts until the next attempt, two minutes later, then four.

    Without a webhook of the pipeline (`own_webhook` false), only alerts for the app's own cost alerts are claimed.
    """
    with connection.cursor(row_factory=class_row(AlertRow)) as cursor:
        return cursor.execute(
            """
            update pipeline_alerts a
            set attempts = a.attempts + 1,
                next_attempt_at = %(now)s + interval '1 minute' * power(2, a.attempts + 1)
            from (
                select id
                from pipeline_alerts
                where told_at is null and next_attempt_at <= %(now)s and raised_at >= %(raised_since)s
                    and attempts < %(most_attempts)s and (cost_alert is not null or %(own_webhook)s)
                order by raised_at, id
                limit %(limit)s
                for update skip locked
            ) due
            where a.id = due.id
            returning a.id, a.kind, a.title, a.body, a.week, a.cost_alert, a.raised_at, a.told_at as notified_at,
                a.attempts, a.last_error, a.dagster_run_id
            """,
            {
                "now": now,
                "raised_since": raised_since,
                "most_attempts": most_attempts,
                "limit": limit,
                "own_webhook": own_webhook,
            },
        ).fetchall()


def resolve_weeks(connection: Connection, finished: Collection[date]) -> list[AlertRow]:
    """Mark alerts about runs of these finished weeks as over, oldest first; returns those that were open.

    An alert about failed jobs is over when none of the week's jobs is failed or waits after a failure.
    """
    with connection.cursor(row_factory=class_row(AlertRow)) as cursor:
        rows = cursor.execute(
            """
            update pipeline_alerts
            set resolved_at = clock_timestamp()
            where resolved_at is null and week = any(%s) and (
                kind in ('run_failed', 'week_late', 'week_given_up')
                or (kind = 'failure_rate' and not exists (
                    select from batch_processing_queue q
                    where q.week = pipeline_alerts.week
                        and (q.status = 'failed' or (q.status = 'retry' and q.attempts > 0))
                ))
            )
            returning id, kind, title, body, week, cost_alert, raised_at, told_at as notified_at, attempts, last_error,
                dagster_run_id, acknowledged_at, acknowledged_by, resolved_at
            """,
            [list(finished)],
        ).fetchall()
    return sorted(rows, key=lambda row: (row.raised_at, row.id))


def acknowledge(connection: Connection, alert_id: UUID, by: str) -> bool:
    """Record that `by` works on the alert; returns whether an unacknowledged alert had this id."""
    return (
        connection.execute(
            """
            update pipeline_alerts
            set acknowledged_at = clock_timestamp(), acknowledged_by = %s
            where id = %s and acknowledged_at is null
            """,
            [by, alert_id],
        ).rowcount
        > 0
    )


def acknowledge_alike(connection: Connection, alert_id: UUID, by: str) -> int:
    """Acknowledge an alert and all alerts of its kind, week and title; returns their number."""
    return connection.execute(
        """
        update pipeline_alerts a
        set acknowledged_at = clock_timestamp(), acknowledged_by = %s
        from pipeline_alerts one
        where one.id = %s and a.acknowledged_at is null and a.kind = one.kind and a.title = one.title
            and a.week is not distinct from one.week
        """,
        [by, alert_id],
    ).rowcount


def mark_notified(connection: Connection, alert_id: UUID) -> None:
    """The message arrived."""
    connection.execute(
        "update pipeline_alerts set told_at = clock_timestamp(), last_error = null where id = %s", [alert_id]
    )


def mark_notification_failed(connection: Connection, alert_id: UUID, error: str) -> None:
    """The message did not arrive; it is tried again when its next attempt falls due."""
    connection.execute("update pipeline_alerts set last_error = %s where id = %s", [error, alert_id])


def cost_alert_webhooks(connection: Connection) -> dict[str, tuple[int, str]]:
    """The app's active cost alerts that have a webhook: threshold in per cent and address, by name."""
    exists = connection.execute("select to_regclass('cost_alerts') is not null").fetchone()
    if exists is None or not exists[0]:
        return {}
    rows = connection.execute(
        """
        select alert_name, threshold_percent, slack_webhook_url
        from cost_alerts
        where is_active and slack_webhook_url ~ '^https?://'
        """
    ).fetchall()
    return {name: (percent, url) for name, percent, url in rows}
