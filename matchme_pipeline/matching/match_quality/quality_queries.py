"""SQL of match quality: matchable members, and the stored figures of weeks."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd
from psycopg.rows import dict_row

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching.learning.evaluation import Interval
from matchme_pipeline.matching.match_quality.cells import STAGES
from matchme_pipeline.matching.match_quality.quality import Quality

_INTERVALS = ("mutual_share", "auc", "log_loss", "chosen_share", "drawn_share")
_FIGURES = (
    *("shown_pairs", "seen_pairs", "mutual_pairs", "base_log_loss", "calibration_error", "drawn_pairs"),
    *("drawn_seen_pairs", "members", "covered", "coverage", "gini"),
)


def cities_as_of(connection: Connection, moment: datetime) -> dict[str, str]:
    """The city of each member with a city, as of `moment`."""
    return dict(
        connection.execute(
            """
            select distinct on (clerk_user_id) clerk_user_id, city_key::text
            from user_city_assignments
            where (created_at is null or created_at < %s) and city_key is not null
            order by clerk_user_id, created_at desc nulls last, is_current desc, id desc
            """,
            [moment],
        ).fetchall()
    )


def weeks_since_joining(connection: Connection, user_ids: Sequence[str], moment: datetime) -> dict[str, float | None]:
    """The weeks since each of these members joined, at `moment`; None if the app has no date."""
    return dict(
        connection.execute(
            """
            select user_id,
                case when isfinite(joined_at) then extract(epoch from %s - joined_at)::float8 / (7 * 86400) end
            from matchme_present_members
            where user_id = any(%s)
            """,
            [moment, list(user_ids)],
        ).fetchall()
    )


def save_quality(connection: Connection, week: date, found: Quality) -> int:
    """Store a week's figures and replace earlier ones; returns the number of changed rows."""
    row: dict[str, Any] = {name: getattr(found, name) for name in _FIGURES}
    for name in _INTERVALS:
        interval: Interval | None = getattr(found, name)
        row |= {
            name: interval.value if interval else None,
            f"{name}_low": interval.low if interval else None,
            f"{name}_high": interval.high if interval else None,
        }
    with connection.transaction():
        changed = connection.execute(
            """
            insert into match_quality as q (
                week, shown_pairs, seen_pairs, mutual_pairs, base_log_loss, calibration_error, drawn_pairs,
                drawn_seen_pairs, members, covered, coverage, gini, mutual_share, mutual_share_low, mutual_share_high,
                auc, auc_low, auc_high, log_loss, log_loss_low, log_loss_high, chosen_share, chosen_share_low,
                chosen_share_high, drawn_share, drawn_share_low, drawn_share_high
            )
            values (
                %(week)s, %(shown_pairs)s, %(seen_pairs)s, %(mutual_pairs)s, %(base_log_loss)s, %(calibration_error)s,
                %(drawn_pairs)s, %(drawn_seen_pairs)s, %(members)s, %(covered)s, %(coverage)s, %(gini)s,
                %(mutual_share)s, %(mutual_share_low)s, %(mutual_share_high)s, %(auc)s, %(auc_low)s, %(auc_high)s,
                %(log_loss)s, %(log_loss_low)s, %(log_loss_high)s, %(chosen_share)s, %(chosen_share_low)s,
                %(chosen_share_high)s, %(drawn_share)s, %(drawn_share_low)s, %(drawn_share_high)s
            )
            on conflict (week) do update
            set shown_pairs = excluded.shown_pairs, seen_pairs = excluded.seen_pairs,
                mutual_pairs = excluded.mutual_pairs, base_log_loss = excluded.base_log_loss,
                calibration_error = excluded.calibration_error, drawn_pairs = excluded.drawn_pairs,
                drawn_seen_pairs = excluded.drawn_seen_pairs, members = excluded.members, covered = excluded.covered,
                coverage = excluded.coverage, gini = excluded.gini, mutual_share = excluded.mutual_share,
                mutual_share_low = excluded.mutual_share_low, mutual_share_high = excluded.mutual_share_high,
                auc = excluded.auc, auc_low = excluded.auc_low, auc_high = excluded.auc_high,
                log_loss = excluded.log_loss, log_loss_low = excluded.log_loss_low,
                log_loss_high = excluded.log_loss_high, chosen_share = excluded.chosen_share,
                chosen_share_low = excluded.chosen_share_low, chosen_share_high = excluded.chosen_share_high,
                drawn_share = excluded.drawn_share, drawn_share_low = excluded.drawn_share_low,
                drawn_share_high = excluded.drawn_share_high
            where q.* is distinct from excluded.*
            """,
            {"week": week, **row},
        ).rowcount
        return changed + _save_cells(connection, week, _cells(found))


def _cells(found: Quality) -> list[dict[str, Any]]:
    empty: dict[str, Any] = dict.fromkeys([*STAGES, "members", "covered", "mean_places", "gini", "mean_score"])
    funnel = [{**empty, **vars(cell), **cell.counts} for cell in found.funnel]
    exposure = [{**empty, **vars(cell)} for cell in found.exposure]
    bands = [
        {
            **empty,
            "kind": "calibration",
            "cell": f"{band.points} to {band.points + 10}",
            "position": band.points // 10,
            "viewed": band.pairs,
            "mutual": band.mutual,
            "mean_score": band.mean_score,
        }
        for band in found.bands
    ]
    return [*funnel, *bands, *exposure]


def _save_cells(connection: Connection, week: date, cells: Sequence[dict[str, Any]]) -> int:
    removed = connection.execute(
        """
        delete from match_quality_cells c
        where c.week = %s and (c.kind, c.position) not in (
            select * from unnest(%s::text[], %s::integer[])
        )
        """,
        [week, [cell["kind"] for cell in cells], [cell["position"] for cell in cells]],
    ).rowcount
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into match_quality_cells as c (
                week, kind, position, cell, shown, viewed, engaged, liked, mutual, conversation, replied, talking,
                mean_score, members, covered, mean_places, gini
            )
            values (
                %(week)s, %(kind)s, %(position)s, %(cell)s, %(shown)s, %(viewed)s, %(engaged)s, %(liked)s, %(mutual)s,
                %(conversation)s, %(replied)s, %(talking)s, %(mean_score)s, %(members)s, %(covered)s, %(mean_places)s,
                %(gini)s
            )
            on conflict (week, kind, position) do update
            set cell = excluded.cell, shown = excluded.shown, viewed = excluded.viewed, engaged = excluded.engaged,
                liked = excluded.liked, mutual = excluded.mutual, conversation = excluded.conversation,
                replied = excluded.replied, talking = excluded.talking, mean_score = excluded.mean_score,
                members = excluded.members, covered = excluded.covered, mean_places = excluded.mean_places,
                gini = excluded.gini
            where c.* is distinct from excluded.*
            """,
            [{"week": week, **cell} for cell in cells],
        )
        return removed + max(cursor.rowcount, 0)


def stored_quality(connection: Connection, weeks: Sequence[date]) -> dict[date, dict[str, Any]]:
    """The stored figures of `weeks`, by week, oldest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "select * from match_quality where week = any(%s) order by week", [list(weeks)]
        ).fetchall()
    return {row["week"]: row for row in rows}


def stored_cells(connection: Connection, week: date) -> pd.DataFrame:
    """The cells of a week, in order."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("select * from match_quality_cells where week = %s order by kind, position", [week])
        names = [column.name for column in cursor.description or ()]
        return pd.DataFrame(cursor.fetchall(), columns=names)
