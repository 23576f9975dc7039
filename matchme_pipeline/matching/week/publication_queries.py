"""SQL of a week's rows in `weekly_matches`: reads the current rows, and replaces those that no member has touched."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from psycopg import sql
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from pydantic_core import to_json

from matchme_pipeline.database.connection import Connection, one_row
from matchme_pipeline.database.copy import copy_rows, stage_rows
from matchme_pipeline.errors import TouchedMeanwhileError

# Namespace of match ids. An id is derived from the content, so that the same match always has the same row.
NAMESPACE = uuid.UUID("b3d6a4f0-40a2-4d4c-9b0d-2f0a6f1f8a77")


@dataclass(frozen=True)
class PublishedRow:
    """A current row of `weekly_matches`.

    `is_touched`: its member has viewed or acted on it, and neither member has been deleted since.
    """

    user_id: str
    match_user_id: str
    rank: int
    is_touched: bool


@dataclass(frozen=True)
class MatchRow:
    """A row to publish."""

    user_id: str
    match_user_id: str
    score: Decimal
    rank: int
    factors: dict[str, Any]


def first_published(connection: Connection, match_week: date) -> datetime | None:
    """The publication time of the week's oldest row; None for a week without rows."""
    row = connection.execute(
        "select min(created_at) from weekly_matches where week_start_date = %s", [match_week]
    ).fetchone()
    return row[0] if row else None


def published_rows(connection: Connection, match_week: date, lock: bool = False) -> list[PublishedRow]:
    """The week's current rows; `lock` keeps them unchanged until the caller's transaction ends.

    A member who views or acts on a locked row waits until then.
    """
    statement = sql.SQL(
        """
        select user_id, match_user_id, rank,
            is_member_touched and not exists (
                select from profiles p
                where p.clerk_user_id in (user_id, match_user_id) and p.deleted_at is not null
            ) as is_touched
        from weekly_matches
        where week_start_date = %s
        order by user_id, rank, match_user_id
        {lock}
        """
    ).format(lock=sql.SQL("for update" if lock else ""))
    with connection.cursor(row_factory=class_row(PublishedRow)) as cursor:
        return cursor.execute(statement, [match_week]).fetchall()


def replace_matches(
    connection: Connection,
    match_week: date,
    model: str,
    dagster_run_id: str,
    rows: Sequence[MatchRow],
    touched: Collection[tuple[str, str]],
) -> tuple[int, int]:
    """Make `rows` the week's matches in one transaction; returns the numbers of rows written and removed.

    Rows of `touched` pairs and unchanged rows are not written. Raises TouchedMeanwhileError, with nothing changed, if
    a row would change that its member has viewed or acted on since `touched` was read.
    """
    with connection.transaction():
        if not touched and _is_empty(connection, match_week):
            try:
                return _copy_week(connection, match_week, model, dagster_run_id, rows), 0
            except UniqueViolation:
                # Another writer inserted rows of this week in between; they are replaced, as in a week that has rows.
                pass
        _stage_week(connection, match_week, rows)
        pairs = sorted({tuple(sorted(pair)) for pair in touched})
        removed = one_row(
            connection.execute(
                """
            with removed as (
                delete from weekly_matches m
                where m.week_start_date = %(week)s
                    and not exists (
                        select from new_matches n where n.user_id = m.user_id and n.match_user_id = m.match_user_id
                    )
                    and not exists (
                        select from unnest(%(a)s::text[], %(b)s::text[]) as f (a, b)
                        where f.a = least(m.user_id, m.match_user_id) and f.b = greatest(m.user_id, m.match_user_id)
                    )
                returning m.user_id, m.match_user_id, m.is_member_touched
            )
            select count(*), count(*) filter (
                where r.is_member_touched and not exists (
                    select from profiles p
                    where p.clerk_user_id in (r.user_id, r.match_user_id) and p.deleted_at is not null
                )
            )
            from removed r
            """,
                {"week": match_week, "a": [a for a, _ in pairs], "b": [b for _, b in pairs]},
            )
        )
        written = one_row(
            connection.execute(
                """
            with written as (
                insert into weekly_matches as m (
                    id, user_id, match_user_id, score, rank, week_start_date, compatibility_factors, embedding_model,
                    batch_run_id
                )
                select n.id, n.user_id, n.match_user_id, n.score, n.rank, %(week)s, f.factors, %(model)s,
                    (select h.id from batch_run_history h where h.dagster_run_id = %(run)s)
                from new_matches n
                join new_factors f on f.number = n.number
                on conflict (user_id, match_user_id, week_start_date) do update
                set score = excluded.score, rank = excluded.rank, embedding_model = excluded.embedding_model,
                    compatibility_factors = excluded.compatibility_factors, batch_run_id = excluded.batch_run_id
                where (m.score, m.rank, m.compatibility_factors, m.embedding_model)
                    is distinct from
                    (excluded.score, excluded.rank, excluded.compatibility_factors, excluded.embedding_model)
                returning m.is_member_touched
            )
            select count(*), count(*) filter (where is_member_touched) from written
            """,
                {"week": match_week, "model": model, "run": dagster_run_id},
            )
        )
        if written[1] or removed[1]:
            raise TouchedMeanwhileError(
                f"{written[1] + removed[1]} matches were viewed or acted on while the week was computed."
            )
    return written[0], removed[0]


def _is_empty(connection: Connection, match_week: date) -> bool:
    row = connection.execute(
        "select not exists (select from weekly_matches where week_start_date = %s)", [match_week]
    ).fetchone()
    return bool(row and row[0])


def _copy_week(
    connection: Connection, match_week: date, model: str, dagster_run_id: str, rows: Sequence[MatchRow]
) -> int:
    """Copy a week without rows directly into the table; returns the number of rows."""
    run = connection.execute("select id from batch_run_history where dagster_run_id = %s", [dagster_run_id]).fetchone()
    run_id = run[0] if run else None
    factors = _Factors()
    columns = {
        "id": "uuid",
        "user_id": "text",
        "match_user_id": "text",
        "score": "numeric",
        "rank": "int4",
        "week_start_date": "date",
        "compatibility_factors": "jsonb",
        "embedding_model": "text",
        "batch_run_id": "uuid",
    }
    with connection.transaction():
        return copy_rows(
            connection,
            "weekly_matches",
            list(columns),
            list(columns.values()),
            (
                (
                    _row_id(row, match_week),
                    row.user_id,
                    row.match_user_id,
                    row.score,
                    row.rank,
                    match_week,
                    factors.of(row),
                    model,
                    run_id,
                )
                for row in rows
            ),
        )


def _stage_week(connection: Connection, match_week: date, rows: Sequence[MatchRow]) -> None:
    """Load the week into temporary tables: its rows, and the factors of its pairs, once each."""
    number_of: dict[tuple[str, str], int] = {}
    for row in rows:
        number_of.setdefault(_pair(row), len(number_of))
    factors_of = {number_of[_pair(row)]: row.factors for row in rows}
    stage_rows(
        connection,
        "new_factors",
        [("number", "integer"), ("factors", "jsonb")],
        ((number, Jsonb(factors, dumps=json_bytes)) for number, factors in factors_of.items()),
    )
    stage_rows(
        connection,
        "new_matches",
        [
            ("id", "uuid"),
            ("user_id", "text"),
            ("match_user_id", "text"),
            ("score", "numeric"),
            ("rank", "integer"),
            ("number", "integer"),
        ],
        (
            (
                _row_id(row, match_week),
                row.user_id,
                row.match_user_id,
                row.score,
                row.rank,
                number_of[_pair(row)],
            )
            for row in rows
        ),
    )


class _Factors:
    """Factors as JSON, serialised once for the two rows of a pair."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], bytes] = {}

    def of(self, row: MatchRow) -> Jsonb:
        """The factors of a row, as a value of a jsonb column."""
        text = self._waiting.pop(_pair(row), None)
        if text is None:
            text = self._waiting[_pair(row)] = json_bytes(row.factors)
        return Jsonb(text, dumps=_as_it_is)


def _as_it_is(text: bytes) -> bytes:
    return text


def _pair(row: MatchRow) -> tuple[str, str]:
    return (row.user_id, row.match_user_id) if row.user_id < row.match_user_id else (row.match_user_id, row.user_id)


def _row_id(row: MatchRow, match_week: date) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, f"{row.user_id}|{row.match_user_id}|{match_week}")


def json_bytes(value: object) -> bytes:
    """JSON for a jsonb column, which ignores the order of keys."""
    return to_json(value)
