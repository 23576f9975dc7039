"""SQL of decisions: the version that scores a week, and changes by an operator or the pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from matchme_pipeline.database.connection import Connection, one_row
from matchme_pipeline.matching.learning.judging import Comparison


@dataclass(frozen=True)
class WeekModel:
    """The version that scored a week; `version` None is the untrained score."""

    week: date
    version: date | None
    decision: str
    reasons: Sequence[str]


def week_model(connection: Connection, week: date) -> WeekModel | None:
    """The recorded version of a week."""
    with connection.cursor(row_factory=class_row(WeekModel)) as cursor:
        return cursor.execute("select * from match_week_models where week = %s", [week]).fetchone()


def week_models(connection: Connection, version: date | None = None) -> list[WeekModel]:
    """The recorded versions of every week, or of weeks that a version scored, newest first."""
    with connection.cursor(row_factory=class_row(WeekModel)) as cursor:
        return cursor.execute(
            """
            select * from match_week_models where %(version)s::date is null or version = %(version)s
            order by week desc
            """,
            {"version": version},
        ).fetchall()


def used_before(connection: Connection, version: date) -> date | None:
    """The version before `version` that scored a week; None is the untrained score."""
    row = connection.execute(
        "select version from match_week_models where version is distinct from %s order by week desc limit 1", [version]
    ).fetchone()
    return row[0] if row else None


def is_published(connection: Connection, match_week: date) -> bool:
    """Do members see matches of the week that the pipeline scored?"""
    row = connection.execute(
        "select exists (select from weekly_matches where week_start_date = %s and embedding_model is not null)",
        [match_week],
    ).fetchone()
    return bool(row and row[0])


def in_use(connection: Connection, week: date) -> tuple[date | None, bool]:
    """The version in use before `week`'s decision (None: the untrained score), and whether it is pinned.

    For the newest week it depends on the states, which an operator may have set; for an older week on the version of
    the week before.
    """
    row = one_row(
        connection.execute(
            """
        select case
            when exists (select from match_week_models where week > %(week)s)
                then (select version from match_week_models where week < %(week)s order by week desc limit 1)
            else (select week from match_models where state in ('active', 'pinned') and week <= %(week)s)
        end,
        exists (
            select from match_models where state = 'pinned' and week <= %(week)s
        ) and not exists (select from match_week_models where week > %(week)s)
        """,
            {"week": week},
        )
    )
    return row[0], row[1]


def record_decision(connection: Connection, decided: WeekModel) -> None:
    """Record which version scores a week and replace an earlier decision; the newest week's becomes the state."""
    connection.execute(
        """
        insert into match_week_models as w (week, version, decision, reasons) values (%s, %s, %s, %s)
        on conflict (week) do update
        set version = excluded.version, decision = excluded.decision, reasons = excluded.reasons
        where (w.version, w.decision, w.reasons)
            is distinct from (excluded.version, excluded.decision, excluded.reasons)
        """,
        [decided.week, decided.version, decided.decision, list(decided.reasons)],
    )
    is_newest = connection.execute(
        "select not exists (select from match_week_models where week > %s)", [decided.week]
    ).fetchone()
    if is_newest and is_newest[0]:
        set_active(connection, decided.version, "pipeline")


def record_comparison(
    connection: Connection, version: date, week: date, comparison: Comparison | None, reasons: Sequence[str]
) -> None:
    """Store the evaluation of a version as of `week`, unless a later week has judged it."""
    connection.execute(
        """
        update match_models set judged_week = %(week)s, figures = %(figures)s, reasons = %(reasons)s
        where week = %(version)s and (judged_week is null or judged_week <= %(week)s)
            and (judged_week, figures, reasons) is distinct from (%(week)s, %(figures)s, %(reasons)s)
        """,
        {
            "version": version,
            "week": week,
            "figures": Jsonb(comparison.as_json() if comparison else {}),
            "reasons": list(reasons),
        },
    )


def broken_rules(connection: Connection, week: date) -> dict[str, int]:
    """Numbers of violations in the stored versions and the week's rows."""
    row = one_row(
        connection.execute(
            """
        select
            (select greatest(count(*) - 1, 0) from match_models where state in ('active', 'pinned')),
            (
                select count(*) from match_week_models w
                where w.week = %(week)s and w.version is not null
                    and not exists (select from match_models m where m.week = w.version)
            ),
            (select count(*) from match_models where week = %(week)s and last_match_week > week),
            (
                select count(*) from match_tendencies t
                where t.week = %(week)s and not exists (
                    select from profiles p where p.clerk_user_id = t.user_id and p.deleted_at is null
                )
            )
        """,
            {"week": week},
        )
    )
    names = ("more_than_one_in_use", "scored_by_no_known_version", "trained_on_later_weeks", "of_deleted_members")
    return dict(zip(names, row, strict=True))


def set_active(connection: Connection, version: date | None, by: str, state: str = "active") -> None:
    """Let `version` (None: the untrained score) score the coming weeks and retire the one in use."""
    with connection.transaction():
        connection.execute(
            """
            update match_models set state = 'retired', state_by = %(by)s
            where state in ('active', 'pinned') and week is distinct from %(version)s
            """,
            {"version": version, "by": by},
        )
        connection.execute(
            """
            update match_models set state = %(state)s, state_by = %(by)s
            where week = %(version)s and (%(by)s <> 'pipeline' or state not in ('active', 'pinned'))
            """,
            {"version": version, "by": by, "state": state},
        )
