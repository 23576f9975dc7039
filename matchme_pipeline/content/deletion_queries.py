"""All SQL of deletion; every statement runs inside the caller's transaction.

Temporary tables hold what is to be removed and vanish with the transaction: `gone_items`, and `lost_texts` with hashes
that may have lost their last author.
"""

from collections.abc import Collection, Sequence
from datetime import date
from uuid import UUID

from matchme_pipeline.content.canonical import content_hash
from matchme_pipeline.content.claims import insight_text
from matchme_pipeline.content.deletion_tables import BY_MEMBER, ON_RECORD
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import stage_rows


def members_to_forget(connection: Connection) -> list[str]:
    """Deleted members, or members without a profile, who still have rows in a table of the pipeline."""
    rows = connection.execute(
        """
        select known.user_id
        from (
            select user_id from content_items
            union select user_id from insight_sources
            union select user_id from user_embeddings
            union select user_id from content_originality
            union select user_id from dna_score_history
            union select user_id from dna_shown_scores
            union select user_id from weekly_matches
            union select match_user_id from weekly_matches
            union select user_id from match_outcomes
            union select match_user_id from match_outcomes
            union select user_id from match_random_places
            union select match_user_id from match_random_places
            union select user_id from match_tendencies
        ) known
        left join profiles p on p.clerk_user_id = known.user_id
        where p.clerk_user_id is null or p.deleted_at is not null
        union
        -- Tables that the app writes as well: a profile that was never there is the app's affair.
        select p.clerk_user_id
        from profiles p
        where p.deleted_at is not null
            and (
                p.clerk_user_id in (select clerk_user_id from user_insights)
                or p.clerk_user_id in (select user_id from mysoul_dna_scores)
                or p.clerk_user_id in (select user_id from batch_processing_queue)
                or p.clerk_user_id in (select user_id from member_reports)
                or p.clerk_user_id in (select reported_user_id from member_reports)
            )
        order by 1
        """
    ).fetchall()
    return [user_id for (user_id,) in rows]


def remove_members(connection: Connection, user_ids: Sequence[str]) -> dict[str, int]:
    """Remove members' rows; the ledger and the audit keep their rows without the member's id."""
    ids = [list(user_ids)]
    connection.execute("drop table if exists pg_temp.lost_texts")
    connection.execute(
        """
        create temporary table lost_texts on commit drop as
        select content_hash from content_items where user_id = any(%(ids)s) and content_hash is not null
        union
        (
            (
                select unnest(part_hashes) from user_embeddings where user_id = any(%(ids)s)
                union
                select content_hash from past_vector_parts where user_id = any(%(ids)s)
            )
            except
            select unnest(part_hashes) from user_embeddings
            where week = (select max(week) from user_embeddings) and not user_id = any(%(ids)s)
        )
        """,
        {"ids": list(user_ids)},
    )
    removed = {"previews": _remove_previews_with(connection, user_ids)}
    for table, statement in BY_MEMBER:
        removed[table] = connection.execute(statement, ids).rowcount
    if _exists(connection, "mysoul_score_history"):
        removed["mysoul_score_history"] = connection.execute(
            "delete from mysoul_score_history where user_id = any(%s)", ids
        ).rowcount
    if _exists(connection, "mysoul_achievements"):
        removed["mysoul_achievements"] = connection.execute(
            "delete from mysoul_achievements where user_id = any(%s)", ids
        ).rowcount
    for statement in ON_RECORD:
        connection.execute(statement, ids)
    connection.execute(
        """
        update posts
        set content_hash = null, analysis_result = null, embedding = null, embedding_model = null,
            processed_at = null, processing_status = 'skipped'
        where clerk_user_id = any(%s)
            and (content_hash is not null or analysis_result is not null or embedding is not null)
        """,
        ids,
    )
    removed["answers_and_vectors"] = remove_lost_texts(connection)
    return removed


def remove_gone_items(connection: Connection) -> dict[str, int]:
    """Remove data of posts and voice introductions that are deleted, hidden or gone.

    An insight stays as long as one of its items does.
    """
    connection.execute("drop table if exists pg_temp.gone_items, pg_temp.lost_texts")
    connection.execute(
        """
        create temporary table gone_items on commit drop as
        select c.item_type, c.item_id, c.content_hash, c.user_id, c.week
        from content_items c
        left join matchme_live_items l on l.item_type = c.item_type and l.item_id = c.item_id
        where l.item_id is null
        """
    )
    connection.execute("create temporary table lost_texts on commit drop as select content_hash from gone_items")
    sources = connection.execute(
        """
        select s.insight_id, s.item_type, s.item_id
        from insight_sources s
        join gone_items g on g.item_type = s.item_type and g.item_id = s.item_id
        """
    ).fetchall()
    removed = {"insights": remove_sources(connection, sources)}
    removed["items"] = connection.execute(
        """
        delete from content_items c using gone_items g where c.item_type = g.item_type and c.item_id = g.item_id
        """
    ).rowcount
    connection.execute(
        """
        update posts p
        set content_hash = null, analysis_result = null, embedding = null, embedding_model = null,
            processed_at = null, processing_status = 'skipped'
        from gone_items g
        where g.item_type = 'post' and p.id = g.item_id
        """
    )
    # If such an item is shown again, its week has something to analyse.
    connection.execute(
        """
        update batch_processing_queue q
        set payload = q.payload - 'fingerprint'
        from gone_items g
        where q.job_type = 'content_analysis' and q.subject = g.user_id and q.week = g.week and q.status = 'completed'
        """
    )
    removed["answers_and_vectors"] = remove_lost_texts(connection)
    return removed


def remove_lost_texts(connection: Connection) -> int:
    """Remove answers and vectors of `lost_texts` without any author left; duplicates then point to the earliest
    remaining item.
    """
    removed = 0
    for statement in (
        """
        delete from content_analyses a using lost_texts l
        where a.content_hash = l.content_hash
            and not exists (select from content_items c where c.content_hash = l.content_hash)
        """,
        """
        delete from content_embeddings e using lost_texts l
        where e.content_hash = l.content_hash
            and not exists (select from content_items c where c.content_hash = l.content_hash)
        """,
    ):
        removed += connection.execute(statement).rowcount
    connection.execute(
        """
        update content_items c
        set duplicate_of = nullif(f.item_id, c.item_id)
        from (
            select distinct on (content_hash) content_hash, item_id
            from content_items
            where content_hash in (select content_hash from lost_texts)
            order by content_hash, shared_at, item_id
        ) f
        where c.content_hash = f.content_hash and c.duplicate_of is distinct from nullif(f.item_id, c.item_id)
        """
    )
    return removed


def sources_of_edited_items(
    connection: Connection, week: date
) -> list[tuple[tuple[UUID, str, UUID], str | None, str | None]]:
    """Sources of the week whose item has been edited: the source's key, the insight's quote, and the new text."""
    rows = connection.execute(
        """
        select s.insight_id, s.item_type, s.item_id, i.source_quote, coalesce(p.caption, v.transcription)
        from content_items c
        join insight_sources s on s.item_type = c.item_type and s.item_id = c.item_id
        join user_insights i on i.id = s.insight_id
        left join posts p on c.item_type = 'post' and p.id = c.item_id
        left join voice_introductions v on c.item_type = 'voice_introduction' and v.id = c.item_id
        where c.week = %s and s.content_hash is distinct from c.content_hash
        """,
        [week],
    ).fetchall()
    return [((insight_id, kind, item_id), quote, text) for insight_id, kind, item_id, quote, text in rows]


def remove_sources(connection: Connection, sources: Collection[tuple[UUID, str, UUID]]) -> int:
    """Remove sources, insights without any source left, and starters based on them; returns the number of insights."""
    if not sources:
        return 0
    stage_rows(
        connection, "lost_sources", [("insight_id", "uuid"), ("item_type", "text"), ("item_id", "uuid")], sources
    )
    connection.execute(
        """
        delete from insight_sources s using lost_sources l
        where s.insight_id = l.insight_id and s.item_type = l.item_type and s.item_id = l.item_id
        """
    )
    lost = connection.execute(
        """
        delete from user_insights i
        where i.id in (select insight_id from lost_sources)
            and not exists (select from insight_sources s where s.insight_id = i.id)
        returning i.id::text, i.title, i.description
        """
    ).fetchall()
    _remove_starters_on(connection, [insight_id for insight_id, _, _ in lost])
    _remove_vectors_of(connection, {(title, description) for _, title, description in lost})
    return len(lost)


def _remove_starters_on(connection: Connection, insight_ids: Sequence[str]) -> None:
    """Empty the previews that are based on these insights, and delete the stored answers behind them."""
    connection.execute(
        """
        with emptied as (
            update weekly_matches m
            set chaichat_preview = null
            from (select id, chaichat_preview from weekly_matches) before
            where before.id = m.id and before.chaichat_preview -> 'insights_used' ?| %s
            returning before.chaichat_preview ->> 'cache_key' as cache_key
        )
        delete from content_analyses a using emptied e where a.cache_key = e.cache_key
        """,
        [list(insight_ids)],
    )


def _remove_vectors_of(connection: Connection, insights: Collection[tuple[str, str]]) -> None:
    """Remove the vectors of insights' texts (title, description) that no other insight repeats."""
    stage_rows(
        connection,
        "insight_texts",
        [("title", "text"), ("description", "text"), ("content_hash", "text")],
        [(title, description, content_hash(insight_text(title, description))) for title, description in insights],
    )
    connection.execute(
        """
        delete from content_embeddings e using insight_texts t
        where e.content_hash = t.content_hash
            and not exists (select from content_items c where c.content_hash = t.content_hash)
            and not exists (select from user_insights i where i.title = t.title and i.description = t.description)
        """
    )


def _remove_previews_with(connection: Connection, user_ids: Sequence[str]) -> int:
    """Remove the stored starters of members' matches, unless another pair shares them."""
    return connection.execute(
        """
        with shown as (
            select chaichat_preview ->> 'cache_key' as cache_key,
                bool_or(user_id = any(%(ids)s) or match_user_id = any(%(ids)s)) as theirs,
                bool_and(user_id = any(%(ids)s) or match_user_id = any(%(ids)s)) as only_theirs
            from weekly_matches
            where chaichat_preview is not null
            group by 1
        )
        delete from content_analyses a using shown s
        where a.cache_key = s.cache_key and s.theirs and s.only_theirs
        """,
        {"ids": list(user_ids)},
    ).rowcount


def _exists(connection: Connection, table: str) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", [table]).fetchone()
    return bool(row and row[0])
