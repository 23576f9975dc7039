"""All SQL of the seeded population: fills the app's tables by COPY, stores the truth separately, simulates reviews."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.population.latent import Latent

# Raised whenever the same arguments give other rows than before.
VERSION = 6
_JSON_COLUMNS = frozenset(
    {
        "answer",
        "detected_location",
        "education_preferences",
        "family",
        "interests",
        "marital_status_preferences",
        "options",
        "personality",
        "photos",
        "religion",
        "religiosity_preferences",
        "scores",
        "values",
    }
)


@dataclass(frozen=True)
class SeededPopulation:
    """The arguments that the database's population was seeded with."""

    seed: int
    users: int
    weeks: int
    first_week: date
    version: int = VERSION


@dataclass(frozen=True)
class Counts:
    """Numbers of rows in the app's tables."""

    members: int
    posts: int
    voice_introductions: int
    answers: int
    insights: int


def seeded_population(connection: Connection) -> SeededPopulation | None:
    """The seed of the database; None if it was not seeded."""
    exists = connection.execute("select to_regclass('seed_truth.population') is not null").fetchone()
    if exists is None or not exists[0]:
        return None
    row = connection.execute(
        """
        select seed, users, weeks, first_week, coalesce((to_jsonb(p) ->> 'version')::integer, 1)
        from seed_truth.population p
        """
    ).fetchone()
    return SeededPopulation(*row) if row else None


def counts(connection: Connection) -> Counts:
    """Numbers of rows in the app's tables."""
    row = connection.execute(
        """
        select
            (select count(*) from profiles),
            (select count(*) from posts),
            (select count(*) from voice_introductions),
            (select count(*) from dna_answers),
            (select count(*) from user_insights)
        """
    ).fetchone()
    return Counts(*row) if row else Counts(0, 0, 0, 0, 0)


def create_truth(connection: Connection) -> None:
    """Create the schema of the latent truth, which no asset reads."""
    connection.execute(
        """
        create schema if not exists seed_truth;
        create table seed_truth.population (
            seed bigint not null,
            users integer not null,
            weeks integer not null,
            first_week date not null,
            version integer not null
        );
        create table seed_truth.members (
            user_id text primary key,
            interests jsonb not null,
            "values" jsonb not null,
            personality jsonb not null,
            family jsonb not null,
            reviews double precision not null
        );
        """
    )


def latents(connection: Connection) -> dict[str, Latent]:
    """Every seeded member's truth, by user id: for tests and benchmarks only."""
    rows = connection.execute(
        'select user_id, interests, "values", personality, family from seed_truth.members order by user_id'
    ).fetchall()
    return {row[0]: Latent(*row[1:]) for row in rows}


def silence_message_trigger(connection: Connection, *, silent: bool) -> None:
    """Switch the trigger off that stamps conversations with the clock, or on again."""
    if silent:
        connection.execute("alter table messages disable trigger user")
    else:
        connection.execute("alter table messages enable trigger user")


def copy_dicts(connection: Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows with equal keys into `table` by COPY; returns their number."""
    count = 0
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        return 0
    columns = list(first)
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        row: Mapping[str, Any] | None = first
        while row is not None:
            copy.write_row([_value(column, row[column]) for column in columns])
            count += 1
            row = next(iterator, None)
    return count


def fill_gamification(connection: Connection) -> None:
    """Give members the points and streaks that their reviews would have earned one by one, in order."""
    connection.execute(
        """
        with days as (
            select distinct clerk_user_id, (reviewed_at at time zone 'utc')::date as day
            from user_insights
            where status <> 'pending'
        ),
        -- Days in a row share the difference between the day and its number.
        streaks as (
            select clerk_user_id, max(day) as last_day, count(*) as length
            from (
                select clerk_user_id, day,
                    day - row_number() over (partition by clerk_user_id order by day)::integer as start
                from days
            ) numbered
            group by clerk_user_id, start
        ),
        streak as (
            select clerk_user_id, max(length) as longest, (array_agg(length order by last_day desc))[1] as current
            from streaks
            group by clerk_user_id
        )
        insert into gamification_progress (
            id, clerk_user_id, total_points, insights_reviewed, insights_approved, insights_rejected,
            streak_days, longest_streak, last_review_date, created_at, updated_at
        )
        select md5(i.clerk_user_id || '/gamification')::uuid, i.clerk_user_id,
            10 * count(*) + 5 * count(*) filter (where i.status = 'approved'),
            count(*),
            count(*) filter (where i.status = 'approved'),
            count(*) filter (where i.status = 'rejected'),
            s.current, s.longest, max(i.reviewed_at), min(i.reviewed_at), max(i.reviewed_at)
        from user_insights i
        join streak s using (clerk_user_id)
        where i.status <> 'pending'
        group by i.clerk_user_id, s.current, s.longest
        order by i.clerk_user_id
        """
    )


def analyse_tables(connection: Connection) -> None:
    """Refresh the planner's statistics after the bulk load."""
    connection.execute("analyze profiles; analyze posts; analyze user_insights; analyze match_preferences;")


def offered_insights(connection: Connection, first: datetime, last: datetime) -> list[tuple[UUID, str, float]]:
    """Pending insights offered in (first, last], with their member and the probability of a review."""
    return connection.execute(
        """
        select i.id, i.clerk_user_id, t.reviews
        from user_insights i
        join seed_truth.members t on t.user_id = i.clerk_user_id
        join profiles p on p.clerk_user_id = i.clerk_user_id
        where i.status = 'pending' and i.created_at > %s and i.created_at <= %s and p.deleted_at is null
        order by i.id
        """,
        [first, last],
    ).fetchall()


def review_insights(connection: Connection, decisions: Sequence[tuple[UUID, str, datetime]]) -> int:
    """Write members' reviews of pending insights; the app's trigger awards the points. Returns their number."""
    cursor = connection.execute(
        """
        update user_insights i
        set status = d.status, reviewed_at = d.reviewed_at
        from unnest(%s::uuid[], %s::text[], %s::timestamptz[]) as d (id, status, reviewed_at)
        where i.id = d.id and i.status = 'pending'
        """,
        [[d[0] for d in decisions], [d[1] for d in decisions], [d[2] for d in decisions]],
    )
    return cursor.rowcount


def _value(column: str, value: Any) -> Any:
    if column in _JSON_COLUMNS and value is not None:
        return Jsonb(value, dumps=lambda item: json.dumps(item, ensure_ascii=False, sort_keys=True))
    return value
