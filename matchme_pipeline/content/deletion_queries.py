"""All SQL of forgetting; every statement runs inside the caller's transaction."""

from collections.abc import Sequence

from matchme_pipeline.database.connection import Connection

_BY_MEMBER = (
    ("user_insights", "delete from user_insights where clerk_user_id = any(%s)"),
    ("content_items", "delete from content_items where user_id = any(%s)"),
    ("user_embeddings", "delete from user_embeddings where user_id = any(%s)"),
    ("content_originality", "delete from content_originality where user_id = any(%s)"),
    ("dna_score_history", "delete from dna_score_history where user_id = any(%s)"),
    ("mysoul_dna_scores", "delete from mysoul_dna_scores where user_id = any(%s)"),
    ("weekly_matches", "delete from weekly_matches where user_id = any(%s)"),
    ("weekly_matches_of_others", "delete from weekly_matches where match_user_id = any(%s)"),
    ("batch_processing_queue", "delete from batch_processing_queue where user_id = any(%s)"),
)


def deleted_members_with_rows(connection: Connection) -> list[str]:
    """Members who deleted themselves and of whom a table of ours still knows."""
    rows = connection.execute(
        """
        select p.clerk_user_id
        from profiles p
        where p.deleted_at is not null
            and (
                exists (select from content_items t where t.user_id = p.clerk_user_id)
                or exists (select from user_insights t where t.clerk_user_id = p.clerk_user_id)
                or exists (select from user_embeddings t where t.user_id = p.clerk_user_id)
                or exists (select from content_originality t where t.user_id = p.clerk_user_id)
                or exists (select from dna_score_history t where t.user_id = p.clerk_user_id)
                or exists (select from mysoul_dna_scores t where t.user_id = p.clerk_user_id)
                or exists (select from weekly_matches t where p.clerk_user_id in (t.user_id, t.match_user_id))
                or exists (select from batch_processing_queue t where t.user_id = p.clerk_user_id)
            )
        order by 1
        """
    ).fetchall()
    return [user_id for (user_id,) in rows]


def remove_members(connection: Connection, user_ids: Sequence[str]) -> dict[str, int]:
    """Remove members' rows; the ledger keeps what was paid, without saying for whom."""
    ids = [list(user_ids)]
    removed = {"answers": _remove_answers_of(connection, user_ids)}
    for table, statement in _BY_MEMBER:
        removed[table] = connection.execute(statement, ids).rowcount
    connection.execute("update llm_calls set user_id = null where user_id = any(%s)", ids)
    connection.execute(
        """
        update posts set content_hash = null, analysis_result = null, embedding = null, embedding_model = null,
            processing_status = 'skipped'
        where clerk_user_id = any(%s)
            and (content_hash is not null or analysis_result is not null or embedding is not null)
        """,
        ids,
    )
    return removed


def remove_deleted_items(connection: Connection) -> dict[str, int]:
    """Remove what came from posts and voice introductions that are deleted, hidden or gone."""
    connection.execute(
        """
        create temporary table gone_items on commit drop as
        select c.item_type, c.item_id, c.content_hash
        from content_items c
        left join posts p on c.item_type = 'post' and p.id = c.item_id
            and p.deleted_at is null and coalesce(p.is_visible, true) and coalesce(p.is_approved, true)
        left join voice_introductions v on c.item_type = 'voice_introduction' and v.id = c.item_id
            and v.is_active and v.processing_status = 'completed' and v.transcription is not null
        where p.id is null and v.id is null
        """
    )
    removed = {}
    # An insight lives as long as one item that supports it.
    removed["insights_of_deleted_items"] = connection.execute(
        """
        with lost as (
            delete from insight_sources s using gone_items g
            where s.item_type = g.item_type and s.item_id = g.item_id
            returning s.insight_id, s.item_type, s.item_id
        )
        delete from user_insights i
        where i.id in (select insight_id from lost)
            and not exists (
                select from insight_sources s
                where s.insight_id = i.id
                    and not exists (
                        select from lost l
                        where l.insight_id = s.insight_id and l.item_type = s.item_type and l.item_id = s.item_id
                    )
            )
        """
    ).rowcount
    removed["deleted_items"] = connection.execute(
        """
        delete from content_items c using gone_items g where c.item_type = g.item_type and c.item_id = g.item_id
        """
    ).rowcount
    connection.execute(
        """
        update posts p
        set content_hash = null, analysis_result = null, embedding = null, embedding_model = null,
            processing_status = 'skipped'
        from gone_items g
        where g.item_type = 'post' and p.id = g.item_id
        """
    )
    for table, statement in (
        (
            "answers_of_deleted_items",
            """
            delete from content_analyses a using gone_items g
            where a.content_hash = g.content_hash
                and not exists (select from content_items c where c.content_hash = g.content_hash)
            """,
        ),
        (
            "vectors_of_deleted_items",
            """
            delete from content_embeddings e using gone_items g
            where e.content_hash = g.content_hash
                and not exists (select from content_items c where c.content_hash = g.content_hash)
            """,
        ),
    ):
        removed[table] = connection.execute(statement).rowcount
    return removed


def _remove_answers_of(connection: Connection, user_ids: Sequence[str]) -> int:
    """Remove answers and vectors of texts that only these members have shared."""
    connection.execute(
        """
        create temporary table only_theirs on commit drop as
        select content_hash from content_items
        where content_hash is not null
        group by content_hash
        having bool_and(user_id = any(%s))
        """,
        [list(user_ids)],
    )
    analyses = connection.execute(
        "delete from content_analyses a using only_theirs o where a.content_hash = o.content_hash"
    )
    vectors = connection.execute(
        "delete from content_embeddings e using only_theirs o where e.content_hash = o.content_hash"
    )
    return analyses.rowcount + vectors.rowcount
