"""Weekly results: replace a whole week or update a few members, and compare with neighbouring weeks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import stage_rows
from matchme_pipeline.dna.queries.achievements import update_achievements
from matchme_pipeline.dna.queries.history import link_weeks, upsert_history
from matchme_pipeline.dna.queries.published import lock_publication, publish_newest_week


@dataclass(frozen=True)
class WrittenScores:
    """The effects of a week's scores: rows of its history, restored scores that another writer had overwritten, new
    achievements.
    """

    changed: int
    restored: int
    achievements: int


def replace_distribution(connection: Connection, week: date, distribution: pd.DataFrame) -> int:
    """Make `distribution` (of `traits.distribution`) the week's; returns the number of changed rows."""
    with connection.transaction():
        stage_rows(
            connection,
            "found_traits",
            [
                ("trait_key", "text"),
                ("trait_category", "text"),
                ("trait_display_name", "text"),
                ("user_count", "int4"),
                ("total_users", "int4"),
                ("frequency", "float8"),
                ("idf", "float8"),
            ],
            _rows(
                distribution,
                "trait_key",
                "trait_category",
                "trait_display_name",
                "user_count",
                "total_users",
                "frequency",
                "idf",
            ),
        )
        removed = connection.execute(
            """
            delete from trait_distribution t
            where t.week = %s and not exists (select from found_traits f where f.trait_key = t.trait_key)
            """,
            [week],
        ).rowcount
        written = connection.execute(
            """
            insert into trait_distribution as t (
                week, trait_key, trait_category, trait_display_name, user_count, total_users, frequency, idf
            )
            select %s, trait_key, trait_category, trait_display_name, user_count, total_users,
                round(frequency::numeric, 8), round(idf::numeric, 8)
            from found_traits
            on conflict (week, trait_key) do update
            set trait_category = excluded.trait_category, trait_display_name = excluded.trait_display_name,
                user_count = excluded.user_count, total_users = excluded.total_users,
                frequency = excluded.frequency, idf = excluded.idf
            where (t.trait_category, t.trait_display_name, t.user_count, t.total_users, t.frequency, t.idf)
                is distinct from (excluded.trait_category, excluded.trait_display_name, excluded.user_count,
                    excluded.total_users, excluded.frequency, excluded.idf)
            """,
            [week],
        ).rowcount
    return removed + written


def trait_distribution(connection: Connection, week: date) -> pd.DataFrame:
    """The week's stored distribution; empty if there is none."""
    rows = connection.execute(
        """
        select trait_key, trait_category, trait_display_name, user_count, total_users, frequency::float8, idf::float8
        from trait_distribution
        where week = %s
        order by trait_key collate "C"
        """,
        [week],
    ).fetchall()
    columns = ["trait_key", "trait_category", "trait_display_name", "user_count", "total_users", "frequency", "idf"]
    table = pd.DataFrame(rows, columns=columns, dtype=object)
    return table.astype({"user_count": "int64", "total_users": "int64", "frequency": "float64", "idf": "float64"})


def replace_originality(connection: Connection, week: date, originality: pd.DataFrame, model: str) -> int:
    """Make `originality` (of `originality.originality`) the week's; returns the number of changed rows."""
    with connection.transaction():
        stage_rows(
            connection,
            "found_originality",
            [
                ("user_id", "text"),
                ("score", "float8"),
                ("percentile", "float8"),
                ("mean_similarity", "float8"),
                ("own_items", "int4"),
                ("other_items", "int4"),
            ],
            _rows(originality, "user_id", "score", "percentile", "mean_similarity", "own_items", "other_items"),
        )
        removed = connection.execute(
            """
            delete from content_originality o
            where o.week = %s and not exists (select from found_originality f where f.user_id = o.user_id)
            """,
            [week],
        ).rowcount
        written = connection.execute(
            """
            insert into content_originality as o (
                user_id, week, model, score, percentile, mean_similarity, own_items, other_items
            )
            select user_id, %s, %s, round(score::numeric, 6), round(percentile::numeric, 6),
                round(mean_similarity::numeric, 8), own_items, other_items
            from found_originality
            on conflict (user_id, week) do update
            set model = excluded.model, score = excluded.score, percentile = excluded.percentile,
                mean_similarity = excluded.mean_similarity, own_items = excluded.own_items,
                other_items = excluded.other_items
            where (o.model, o.score, o.percentile, o.mean_similarity, o.own_items, o.other_items)
                is distinct from (excluded.model, excluded.score, excluded.percentile, excluded.mean_similarity,
                    excluded.own_items, excluded.other_items)
            """,
            [week, model],
        ).rowcount
        if written:
            # The planner must know these rows when the scores are published from them.
            connection.execute("analyze content_originality")
    return removed + written


def content_originality(connection: Connection, week: date) -> pd.DataFrame:
    """The week's stored originality, with `measured`; empty if there is none."""
    rows = connection.execute(
        """
        select user_id, score::float8, percentile::float8, mean_similarity::float8, own_items, other_items,
            percentile is not null
        from content_originality
        where week = %s
        order by user_id collate "C"
        """,
        [week],
    ).fetchall()
    columns = ["user_id", "score", "percentile", "mean_similarity", "own_items", "other_items", "measured"]
    table = pd.DataFrame(rows, columns=columns, dtype=object)
    return table.astype(
        {
            "score": "float64",
            "percentile": "float64",
            "mean_similarity": "float64",
            "own_items": "float64",
            "other_items": "float64",
        }
    )


def replace_scores(connection: Connection, week: date, table: pd.DataFrame) -> WrittenScores:
    """Make `table` (of `breakdown.explained`) the week's history and publish the newest week, in one transaction."""
    with connection.transaction():
        lock_publication(connection)
        changed = upsert_history(connection, week, table)
        changed += connection.execute(
            """
            with removed as (
                delete from dna_score_history h
                where h.week = %s and not exists (select from found_scores f where f.user_id = h.user_id)
                returning h.user_id
            )
            insert into touched_members select user_id from removed
            """,
            [week],
        ).rowcount
        link_weeks(connection, week)
        achievements = update_achievements(connection)
        published = publish_newest_week(connection)
    return WrittenScores(changed, published.overwritten, achievements)


def update_scores(connection: Connection, week: date, table: pd.DataFrame) -> int:
    """Like `replace_scores`, but only for the members in `table`; other members' rows stay unchanged."""
    with connection.transaction():
        lock_publication(connection)
        changed = upsert_history(connection, week, table)
        link_weeks(connection, week)
        publish_newest_week(connection)
    return changed


def tier_counts(connection: Connection, last: date, weeks: int = 12) -> tuple[list[date], dict[tuple[date, str], int]]:
    """The newest `weeks` weeks with history up to `last`, oldest first, and members per week and tier."""
    rows = connection.execute(
        """
        select week, tier, count(*)
        from dna_score_history
        where week in (select distinct week from dna_score_history where week <= %s order by week desc limit %s)
        group by week, tier
        order by week
        """,
        [last, weeks],
    ).fetchall()
    return sorted({week for week, _, _ in rows}), {(week, tier): count for week, tier, count in rows}


def scored_members(connection: Connection, week: date) -> int:
    """How many members have a row in the week's history."""
    row = connection.execute("select count(*) from dna_score_history where week = %s", [week]).fetchone()
    return int(row[0]) if row else 0


def _rows(table: pd.DataFrame, *columns: str) -> Iterable[tuple[Any, ...]]:
    """Rows as Python values; missing values become null."""
    plain = [table[column].astype(object).where(table[column].notna(), None).tolist() for column in columns]
    return zip(*plain, strict=True)
