"""SQL of learned versions: results of trainings, members' tendencies, and the version of each week."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import stage_rows
from matchme_pipeline.matching.engine.learned_values import Learned
from matchme_pipeline.matching.learning.versions import Version
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION


@dataclass(frozen=True)
class StoredVersion:
    """A stored version; `week` is its training week and its name."""

    week: date
    state: str
    state_by: str
    factors_version: str
    first_match_week: date
    last_match_week: date
    shown_pairs: int
    answers: int
    mutual_pairs: int
    coefficients: Mapping[str, Any]
    judged_week: date | None
    figures: Mapping[str, Any]
    reasons: Sequence[str]

    @property
    def version(self) -> Version:
        """The learned version."""
        return Version.from_json(self.coefficients)

    @property
    def is_in_use(self) -> bool:
        """Does it score the coming weeks?"""
        return self.state in ("active", "pinned")


def versions(connection: Connection) -> list[StoredVersion]:
    """Every version, the newest first."""
    with connection.cursor(row_factory=class_row(StoredVersion)) as cursor:
        return cursor.execute("select * from match_models order by week desc").fetchall()


def version_of(connection: Connection, week: date) -> StoredVersion | None:
    """The version of a week's training; None if there is none."""
    with connection.cursor(row_factory=class_row(StoredVersion)) as cursor:
        return cursor.execute("select * from match_models where week = %s", [week]).fetchone()


def save_version(connection: Connection, stored: StoredVersion, tendencies: Sequence[tuple[str, float, float]]) -> bool:
    """Store the result of a week's training and replace an earlier one of that week; returns whether it is new or
    changed.

    State and evaluation stay. `tendencies`: member, likes, liked.
    """
    with connection.transaction():
        changed = connection.execute(
            """
            insert into match_models as m (
                week, factors_version, first_match_week, last_match_week, shown_pairs, answers, mutual_pairs,
                coefficients
            )
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (week) do update
            set factors_version = excluded.factors_version, first_match_week = excluded.first_match_week,
                last_match_week = excluded.last_match_week, shown_pairs = excluded.shown_pairs,
                answers = excluded.answers, mutual_pairs = excluded.mutual_pairs, coefficients = excluded.coefficients
            where (
                m.factors_version, m.first_match_week, m.last_match_week, m.shown_pairs, m.answers, m.mutual_pairs,
                m.coefficients
            ) is distinct from (
                excluded.factors_version, excluded.first_match_week, excluded.last_match_week, excluded.shown_pairs,
                excluded.answers, excluded.mutual_pairs, excluded.coefficients
            )
            """,
            [
                stored.week,
                stored.factors_version,
                stored.first_match_week,
                stored.last_match_week,
                stored.shown_pairs,
                stored.answers,
                stored.mutual_pairs,
                Jsonb(dict(stored.coefficients)),
            ],
        ).rowcount
        columns = [("user_id", "text"), ("likes", "double precision"), ("liked", "double precision")]
        stage_rows(connection, "new_tendencies", columns, tendencies)
        connection.execute(
            """
            delete from match_tendencies t
            where t.week = %s and not exists (select from new_tendencies n where n.user_id = t.user_id)
            """,
            [stored.week],
        )
        connection.execute(
            """
            insert into match_tendencies as t (week, user_id, likes, liked)
            select %s, user_id, likes, liked from new_tendencies
            on conflict (week, user_id) do update set likes = excluded.likes, liked = excluded.liked
            where (t.likes, t.liked) is distinct from (excluded.likes, excluded.liked)
            """,
            [stored.week],
        )
    return bool(changed)


def tendencies_as_of(connection: Connection, week: date) -> tuple[float, dict[str, tuple[float, float]]] | None:
    """The base and every member's (likes, liked) of the newest training up to `week`; None before the first."""
    row = connection.execute(
        """
        select week, coefficients -> 'base' from match_models where week <= %s and factors_version = %s
        order by week desc limit 1
        """,
        [week, ALGORITHM_VERSION],
    ).fetchone()
    if row is None:
        return None
    found = connection.execute("select user_id, likes, liked from match_tendencies where week = %s", [row[0]])
    return float(row[1]), {user_id: (likes, liked) for user_id, likes, liked in found.fetchall()}


def learned_of_week(connection: Connection, week: date) -> Learned | None:
    """The version that scores a week, with the members' tendencies of that week.

    None: the untrained score, also if the version was trained on other factors than the current ones.
    """
    row = connection.execute("select version from match_week_models where week = %s", [week]).fetchone()
    if row is None or row[0] is None:
        return None
    stored = version_of(connection, row[0])
    if stored is None or stored.factors_version != ALGORITHM_VERSION:
        return None
    return learned_as_of(connection, stored, week)


def learned_as_of(connection: Connection, stored: StoredVersion, week: date) -> Learned | None:
    """A version with the tendencies that members had in `week`."""
    found = tendencies_as_of(connection, week)
    return Learned(stored.week, stored.version, *found) if found else None


def record_default(connection: Connection, week: date) -> None:
    """Record that the untrained score scored a week, unless a version is already recorded."""
    connection.execute(
        "insert into match_week_models (week, decision) values (%s, 'recorded') on conflict do nothing", [week]
    )
