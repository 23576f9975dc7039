"""SQL of a week's rows in `weekly_matches`: reads the current rows, and replaces those that no member has touched."""

import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import repeat
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from pydantic_core import to_json

from matchme_pipeline.database import binary_fields as fields
from matchme_pipeline.database.connection import Connection, one_row
from matchme_pipeline.database.copy import copy_fields, stage_fields
from matchme_pipeline.errors import TouchedMeanwhileError
from matchme_pipeline.matching.engine.matches import Match, Matches, as_matches

# Namespace of match ids. An id is derived from the content, so that the same match always has the same row.
NAMESPACE = uuid.UUID("b3d6a4f0-40a2-4d4c-9b0d-2f0a6f1f8a77")
# Rows whose JSON is held at once.
_ROWS_AT_ONCE = 20_000
_ROW_COLUMNS = {"id": "uuid", "user_id": "text", "match_user_id": "text", "score": "numeric", "rank": "integer"}


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


@dataclass(frozen=True)
class WeekRows(Sequence[MatchRow]):
    """Rows to publish as columns: positions of the list's owner and of the member shown, the rank, and the match's
    place in `matches`.
    """

    matches: Matches
    owner: NDArray[np.intp]
    other: NDArray[np.intp]
    rank: NDArray[np.intp]
    match: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.owner)

    def __iter__(self) -> Iterator[MatchRow]:
        for part in self.parts(_ROWS_AT_ONCE):
            shown = part.matches.only(part.match)
            columns = (part.owner.tolist(), part.other.tolist(), part.rank.tolist())
            for owner, other, rank, match in zip(*columns, shown, strict=True):
                ids = self.matches.user_ids
                yield MatchRow(ids[owner], ids[other], match.score, rank, match.factors)

    @overload
    def __getitem__(self, place: int) -> MatchRow: ...
    @overload
    def __getitem__(self, place: slice) -> "WeekRows": ...
    def __getitem__(self, place: int | slice) -> "MatchRow | WeekRows":
        """One row, or the rows of a slice."""
        if isinstance(place, slice):
            return WeekRows(self.matches, self.owner[place], self.other[place], self.rank[place], self.match[place])
        return next(iter(self[place : place + 1 or None]))

    def parts(self, rows: int) -> Iterator["WeekRows"]:
        """The rows in parts of at most `rows` each."""
        return (self[begin : begin + rows] for begin in range(0, len(self), rows))


def as_week_rows(given: Sequence[MatchRow]) -> WeekRows:
    """The rows as columns; columns stay as they are."""
    if isinstance(given, WeekRows):
        return given
    matches = as_matches([Match(row.user_id, row.match_user_id, row.score, row.factors) for row in given])
    rank = np.array([row.rank for row in given], dtype=np.intp)
    return WeekRows(matches, matches.a, matches.b, rank, np.arange(len(given)))


def first_published(connection: Connection, match_week: date) -> datetime | None:
    """The publication time of the week's oldest row; None for a week without rows."""
    row = connection.execute(
        "select min(created_at) from weekly_matches where week_start_date = %s", [match_week]
    ).fetchone()
    return row[0] if row else None


def touched_rows(connection: Connection, match_week: date, lock: bool = False) -> list[PublishedRow]:
    """The week's current rows of pairs that a member has viewed or acted on, with both rows of each pair.

    `lock` keeps all rows of the week unchanged until the caller's transaction ends; a member who views or acts on one
    waits until then.
    """
    if lock:
        connection.execute(
            "select count(*) from (select from weekly_matches where week_start_date = %s for update) locked",
            [match_week],
        )
    with connection.cursor(row_factory=class_row(PublishedRow)) as cursor:
        return cursor.execute(
            """
            with touched as materialized (
                select user_id, match_user_id from weekly_matches
                where week_start_date = %(week)s and is_member_touched
            )
            select m.user_id, m.match_user_id, m.rank,
                m.is_member_touched and not exists (
                    select from profiles p
                    where p.clerk_user_id in (m.user_id, m.match_user_id) and p.deleted_at is not null
                ) as is_touched
            from weekly_matches m
            where m.week_start_date = %(week)s and exists (select from touched) and (
                m.is_member_touched
                or (m.match_user_id, m.user_id) in (select t.user_id, t.match_user_id from touched t)
            )
            order by m.user_id, m.rank, m.match_user_id
            """,
            {"week": match_week},
        ).fetchall()


def replace_matches(
    connection: Connection,
    match_week: date,
    model: str,
    dagster_run_id: str,
    given: Sequence[MatchRow],
    touched: Collection[tuple[str, str]],
) -> tuple[int, int]:
    """Make the given rows the week's matches in one transaction; returns the numbers of rows written and removed.

    Rows of `touched` pairs and unchanged rows are not written. Raises TouchedMeanwhileError, with nothing changed, if
    a row would change that its member has viewed or acted on since `touched` was read.
    """
    rows = as_week_rows(given)
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


def _copy_week(connection: Connection, match_week: date, model: str, dagster_run_id: str, rows: WeekRows) -> int:
    """Copy a week without rows directly into the table; returns the number of rows."""
    run = connection.execute("select id from batch_run_history where dagster_run_id = %s", [dagster_run_id]).fetchone()
    columns = [*_ROW_COLUMNS, "week_start_date", "compatibility_factors", "embedding_model", "batch_run_id"]
    constant = [fields.day(match_week), fields.text(model), fields.uuid(run[0]) if run else fields.NULL]
    with connection.transaction():
        return copy_fields(
            connection,
            "weekly_matches",
            columns,
            (
                [*_row_fields(part, match_week), repeat(constant[0]), _json_fields(part), *map(repeat, constant[1:])]
                for part in rows.parts(_ROWS_AT_ONCE)
            ),
        )


def _stage_week(connection: Connection, match_week: date, rows: WeekRows) -> None:
    """Load the week into temporary tables: its rows, and the factors of its pairs, once each."""
    stage_fields(
        connection,
        "new_factors",
        [("number", "integer"), ("factors", "jsonb")],
        (
            [map(fields.integer, places.tolist()), map(fields.document, rows.matches.json(places))]
            for begin in range(0, len(rows.matches), _ROWS_AT_ONCE)
            for places in [np.arange(begin, min(begin + _ROWS_AT_ONCE, len(rows.matches)))]
        ),
    )
    stage_fields(
        connection,
        "new_matches",
        [*_ROW_COLUMNS.items(), ("number", "integer")],
        (
            [*_row_fields(part, match_week), map(fields.integer, part.match.tolist())]
            for part in rows.parts(_ROWS_AT_ONCE)
        ),
    )


def _row_fields(rows: WeekRows, match_week: date) -> list[Iterable[bytes]]:
    """The fields of _ROW_COLUMNS of every row."""
    ids = rows.matches.user_ids
    owners, others = [ids[place] for place in rows.owner.tolist()], [ids[place] for place in rows.other.tolist()]
    names = (f"{owner}|{other}|{match_week}" for owner, other in zip(owners, others, strict=True))
    return [
        fields.uuids_of_names(NAMESPACE, names),
        map(fields.text, owners),
        map(fields.text, others),
        map(fields.hundredths, rows.matches.hundredths[rows.match].tolist()),
        map(fields.integer, rows.rank.tolist()),
    ]


def _json_fields(rows: WeekRows) -> Iterable[bytes]:
    return map(fields.document, rows.matches.json(rows.match))


def json_bytes(value: object) -> bytes:
    """JSON for a jsonb column, which ignores the order of keys."""
    return to_json(value)
