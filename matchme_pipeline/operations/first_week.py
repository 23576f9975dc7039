"""The first week of an installation without MATCHME_FIRST_WEEK: the week in which the app's data begin.

Python defines partitions when it loads the code location, without a connection. Therefore a command looks up the week
once and writes it to a file under MATCHME_HOME, which every process reads.
"""

from datetime import date

from matchme_pipeline.database.connection import Connection


def first_week_of_data(connection: Connection) -> date | None:
    """The Sunday of the week in which the first member joined or shared something; None without any such time.

    The result is never later than a finished week. Implausible times are ignored: before 2000, in the future, or more
    than a year before 99 % of all others.
    """
    row = connection.execute(
        """
        with moments as (
            select created_at from profiles where deleted_at is null
            union all
            select created_at from posts where deleted_at is null
            union all
            select created_at from voice_introductions
        ),
        possible as (
            select created_at from moments where created_at >= timestamptz '2000-01-01Z' and created_at <= now()
        ),
        usual as (
            select percentile_disc(0.01) within group (order by created_at) - interval '1 year' as since from possible
        ),
        first_moment as (
            select min(created_at) at time zone 'UTC' - interval '2 hours' as at
            from possible, usual where created_at >= usual.since
        )
        select least(
            -- Weeks begin on Sunday, PostgreSQL's on Monday.
            (date_trunc('week', first_moment.at + interval '1 day') - interval '1 day')::date,
            (
                select min(week) from batch_run_history
                where status = 'completed' and week >= '2000-01-01' and extract(isodow from week) = 7
            )
        )
        from first_moment
        """
    ).fetchone()
    return row[0] if row else None
