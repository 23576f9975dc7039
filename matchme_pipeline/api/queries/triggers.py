"""SQL of runs requested over the API, from the request until Dagster has them."""

from dataclasses import dataclass
from datetime import date

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection

# Arbitrary numbers; nothing else in the database uses these locks.
_TRIGGER_LOCK_KEY, _LAUNCH_LOCK_KEY = 7214061, 7214062


@dataclass(frozen=True)
class Trigger:
    """A requested run."""

    dagster_run_id: str
    run_type: str
    week: date
    requested_by: str


@dataclass(frozen=True)
class TriggerOutcome:
    """Its state: launching, launched or failed, and the reason."""

    state: str
    error: str | None


def lock(connection: Connection, run_type: str, week: date) -> None:
    """Let one request at a time decide whether a run of this type and week starts; held until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(%s, hashtext(%s))", [_TRIGGER_LOCK_KEY, f"{run_type}/{week}"])


def launching(connection: Connection, run_type: str, week: date) -> str | None:
    """The id of a requested run that has not reached Dagster yet."""
    row = connection.execute(
        "select dagster_run_id from api_triggers where run_type = %s and week = %s and state = 'launching' limit 1",
        [run_type, week],
    ).fetchone()
    return row[0] if row else None


def save(connection: Connection, trigger: Trigger) -> None:
    """A run is on its way to Dagster."""
    connection.execute(
        "insert into api_triggers (dagster_run_id, run_type, week, requested_by) values (%s, %s, %s, %s)",
        [trigger.dagster_run_id, trigger.run_type, trigger.week, trigger.requested_by],
    )


def claim(connection: Connection, lease_seconds: int) -> Trigger | None:
    """The oldest waiting run; it belongs to the caller until the lease ends.

    None if nothing waits, or while another process is launching: runs reach Dagster's queue in order.
    """
    with connection.transaction(), connection.cursor(row_factory=class_row(Trigger)) as cursor:
        # One process at a time looks; otherwise two could each take a run.
        cursor.execute("select pg_advisory_xact_lock(%s, 0)", [_LAUNCH_LOCK_KEY])
        return cursor.execute(
            """
            update api_triggers
            set lease_until = clock_timestamp() + make_interval(secs => %s)
            where dagster_run_id = (
                select dagster_run_id
                from api_triggers
                where state = 'launching'
                    and (lease_until is null or lease_until < clock_timestamp())
                    and not exists (
                        select from api_triggers o where o.state = 'launching' and o.lease_until >= clock_timestamp()
                    )
                order by requested_at, week
                limit 1
                for update skip locked
            )
            returning dagster_run_id, run_type, week, requested_by
            """,
            [lease_seconds],
        ).fetchone()


def renew(connection: Connection, dagster_run_id: str, lease_seconds: int) -> None:
    """Renew the lease of an active launch."""
    connection.execute(
        "update api_triggers set lease_until = clock_timestamp() + make_interval(secs => %s) where dagster_run_id = %s",
        [lease_seconds, dagster_run_id],
    )


def release(connection: Connection, dagster_run_id: str) -> None:
    """Release a launch for the next process."""
    connection.execute("update api_triggers set lease_until = null where dagster_run_id = %s", [dagster_run_id])


def end(connection: Connection, dagster_run_id: str, error: str | None) -> None:
    """Record whether Dagster has accepted the run."""
    connection.execute(
        """
        update api_triggers
        set state = case when %(error)s::text is null then 'launched' else 'failed' end, error = %(error)s
        where dagster_run_id = %(run_id)s
        """,
        {"error": error, "run_id": dagster_run_id},
    )


def withdraw(connection: Connection, dagster_run_id: str) -> bool:
    """Withdraw a run that no process has begun to launch; returns whether there was one."""
    return (
        connection.execute(
            """
            update api_triggers
            set state = 'failed', error = 'cancelled before it reached Dagster'
            where dagster_run_id = %s and state = 'launching'
                and (lease_until is null or lease_until < clock_timestamp())
            """,
            [dagster_run_id],
        ).rowcount
        == 1
    )


def outcome(connection: Connection, dagster_run_id: str) -> TriggerOutcome | None:
    """The state of a run that was requested over the API."""
    with connection.cursor(row_factory=class_row(TriggerOutcome)) as cursor:
        return cursor.execute(
            "select state, error from api_triggers where dagster_run_id = %s", [dagster_run_id]
        ).fetchone()
