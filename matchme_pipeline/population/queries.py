"""All SQL of the seeded population: the app's tables filled by COPY, the truth kept apart, reviews simulated."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from matchme_pipeline.database.connection import Connection

JSON_COLUMNS = {
    "religion",
    "answer",
    "options",
    "education_preferences",
    "marital_status_preferences",
    "religiosity_preferences",
    "detected_location",
    "interests",
    "values",
}


@dataclass(frozen=True)
class SeededPopulation:
    """The arguments that the database's population was seeded with."""

    seed: int
    users: int
    weeks: int
    first_week: date


def seeded_population(connection: Connection) -> SeededPopulation | None:
    """What the database was seeded with; None where it was not."""
    exists = connection.execute("select to_regclass('seed_truth.population') is not null").fetchone()
    if exists is None or not exists[0]:
        return None
    row = connection.execute("select seed, users, weeks, first_week from seed_truth.population").fetchone()
    return SeededPopulation(*row) if row else None


def counts(connection: Connection) -> tuple[int, int, int]:
    """How many members, posts and insights the app has."""
    row = connection.execute(
        "select (select count(*) from profiles), (select count(*) from posts), (select count(*) from user_insights)"
    ).fetchone()
    return row if row else (0, 0, 0)


def create_truth(connection: Connection) -> None:
    """Create the schema of the latent truth, which no asset reads."""
    connection.execute(
        """
        create schema if not exists seed_truth;
        create table if not exists seed_truth.population (
            seed integer not null,
            users integer not null,
            weeks integer not null,
            first_week date not null
        );
        create table if not exists seed_truth.members (
            user_id text primary key,
            interests jsonb not null,
            "values" jsonb not null,
            personality text not null,
            family text not null,
            reviews double precision not null
        );
        """
    )


def copy_dicts(connection: Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows that share their keys into `table` by COPY; returns their number."""
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
    """Give members the points that their reviews would have earned one by one."""
    connection.execute(
        """
        insert into gamification_progress (
            clerk_user_id, total_points, insights_reviewed, insights_approved, insights_rejected,
            streak_days, longest_streak, last_review_date
        )
        select clerk_user_id,
            10 * count(*) + 5 * count(*) filter (where status = 'approved'),
            count(*),
            count(*) filter (where status = 'approved'),
            count(*) filter (where status = 'rejected'),
            1, 1, max(reviewed_at)
        from user_insights
        where status <> 'pending'
        group by clerk_user_id
        """
    )


def analyse_tables(connection: Connection) -> None:
    """Refresh the planner's statistics after the bulk load."""
    connection.execute("analyze profiles; analyze posts; analyze user_insights; analyze match_preferences;")


def offered_insights(connection: Connection, first: datetime, last: datetime) -> list[tuple[UUID, str, float]]:
    """Pending insights offered in (first, last], with their member and how likely the member is to review."""
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
    """Write members' verdicts on pending insights; the app's trigger awards the points. Returns how many."""
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
    if column in JSON_COLUMNS and value is not None:
        return Jsonb(value, dumps=lambda item: json.dumps(item, ensure_ascii=False, sort_keys=True))
    return value
