"""Missing weeks, and which of them to launch next."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.week import WEEK, Week

# One at a time, because a week's matches depend on the pairs of earlier weeks.
MAX_IN_FLIGHT = 1
# A failure counts here after Dagster's own retries of a lost process; three in a row need a person.
MAX_FAILED_RUNS = 3
FIRST_WAIT = timedelta(minutes=30)
# The schedule comes first for the week that has just closed.
SCHEDULE_GRACE = timedelta(hours=1)


@dataclass(frozen=True)
class FailedRuns:
    """A week's unsuccessful runs: `failures` since it was last finished, all unsuccessful `tries`, the last end, and
    whether a person cancelled the newest one.
    """

    failures: int
    tries: int
    last_at: datetime
    cancelled: bool = False


@dataclass(frozen=True)
class Plan:
    """Weeks to launch now, oldest first, and weeks that have failed too often."""

    launch: list[date] = field(default_factory=list)
    given_up: list[date] = field(default_factory=list)


def closed_missing_weeks(first_week: date, finished: Collection[date], now: datetime) -> list[date]:
    """Closed weeks that no run has materialised to the end, the oldest first."""
    weeks = []
    sunday = first_week
    while sunday <= Week.last_closed(now).sunday:
        if sunday not in finished:
            weeks.append(sunday)
        sunday += WEEK
    return weeks


def plan(
    first_week: date,
    finished: Collection[date],
    tried: Mapping[date, FailedRuns],
    in_flight: Collection[date],
    now: datetime,
) -> Plan:
    """The oldest missing weeks, as many as may be in flight together.

    `in_flight` are the weeks of queued or active weekly runs. After a failure a week waits 30 minutes, then an hour; no
    later week starts meanwhile. A given-up or cancelled week waits for a person and delays no other week.
    """
    result = Plan()
    newest = Week.last_closed(now)
    week = first_week
    while week <= newest.sunday:
        own = tried.get(week, FailedRuns(0, 0, now))
        waits = own.failures > 0 and now < own.last_at + FIRST_WAIT * 2 ** (own.failures - 1)
        is_full = len(in_flight) + len(result.launch) >= MAX_IN_FLIGHT
        just_closed = week == newest.sunday and now < newest.cutoff + SCHEDULE_GRACE
        if week in finished or just_closed or own.cancelled:
            pass
        elif own.failures >= MAX_FAILED_RUNS:
            result.given_up.append(week)
        elif week in in_flight or is_full or waits:
            break
        else:
            result.launch.append(week)
        week += WEEK
    return result


def tries_by_week(connection: Connection) -> dict[date, FailedRuns]:
    """The unsuccessful weekly runs by week; a run and Dagster's retries of it count as one."""
    rows = connection.execute(
        """
        with ended as (
            select week, started_at, completed_at, status,
                coalesce(metadata ->> 'retry_of', dagster_run_id, id::text) as run,
                coalesce(metadata ->> 'declined' = 'true', false) as declined,
                max(started_at) filter (where status = 'completed') over (partition by week) as finished_at,
                row_number() over (partition by week order by started_at desc, id) = 1 as is_newest
            from batch_run_history
            where week is not null and publishes_matches and status <> 'running'
        )
        select week,
            count(distinct run) filter (where status = 'failed' and started_at > coalesce(finished_at, '-infinity')),
            count(distinct run) filter (where status = 'failed' or declined),
            max(coalesce(completed_at, started_at)),
            bool_or(is_newest and status = 'cancelled' and not declined)
        from ended
        group by week
        having count(*) filter (where status <> 'completed') > 0
        """
    ).fetchall()
    return {week: FailedRuns(*own) for week, *own in rows}


def finished_weeks(connection: Connection) -> set[date]:
    """Weeks that a run has materialised completely; a run that started in the open week does not count."""
    rows = connection.execute(
        """
        select distinct week
        from batch_run_history
        where week is not null and status = 'completed'
            and (run_type = 'weekly_full' or metadata ->> 'summary' = 'true')
            -- The week's cutoff; PostgreSQL ends a statement that adds to a date beyond the calendar.
            and case when week between '2000-01-01' and '3000-01-01'
                then started_at >= (week + 7 + time '02:00') at time zone 'UTC' else false end
        """
    ).fetchall()
    return {week for (week,) in rows}
