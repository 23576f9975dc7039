"""SQL of runs that were asked for over the API, from the request until Dagster knows them."""

from dataclasses import dataclass
from datetime import date

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection

# Any numbers; nothing else in the database locks by them.
_TRIGGER_LOCK_KEY, _LAUNCH_LOCK_KEY = 7214061, 7214062


@dataclass(frozen=True)
class Trigger:
    """A run that was asked for."""

    dagster_run_id: str
    run_type: str
    week: date
    requested_by: str


@dataclass(frozen=True)
class TriggerOutcome:
    """What became of it so far: launching, launched or failed, and why."""

    state: str
    error: str | None


def lock(connection: Connection, run_type: str, week: date) -> None:
    """Let one request at a time decide whether a run of this type and week starts; held until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(%s, hashtext(%s))", [_TRIGGER_LOCK_KEY, f"{run_type}/{week}"])


def launching(connection: Connection, run_type: str, week: date) -> str | None:
    """The id of a run that was asked for and is on its way to Dagster."""
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
    """The oldest run that waits to be launched, the caller's to launch until the lease ends.

    None where nothing waits, and while somebody else is launching: runs reach Dagster's queue in their order.
    """
    with connection.transaction(), connection.cursor(row_factory=class_row(Trigger)) as cursor:
        # One process at a time looks: two at once would each see that nobody is launching, and take a run each.
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
    """Begin the lease anew for a launch that is still under way."""
    connection.execute(
        "update api_triggers set lease_until = clock_timestamp() + make_interval(secs => %s) where dagster_run_id = %s",
        [lease_seconds, dagster_run_id],
    )


def release(connection: Connection, dagster_run_id: str) -> None:
    """Leave a launch to whoever comes next."""
    connection.execute("update api_triggers set lease_until = null where dagster_run_id = %s", [dagster_run_id])


def end(connection: Connection, dagster_run_id: str, error: str | None) -> None:
    """Dagster has taken the run, or not."""
    connection.execute(
        """
        update api_triggers
        set state = case when %(error)s::text is null then 'launched' else 'failed' end, error = %(error)s
        where dagster_run_id = %(run_id)s
        """,
        {"error": error, "run_id": dagster_run_id},
    )


def withdraw(connection: Connection, dagster_run_id: str) -> bool:
    """Take back a run that nobody has begun to launch; whether there was one."""
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
    """What became of a run that was asked for over the API."""
    with connection.cursor(row_factory=class_row(TriggerOutcome)) as cursor:
        return cursor.execute(
            "select state, error from api_triggers where dagster_run_id = %s", [dagster_run_id]
        ).fetchone()
