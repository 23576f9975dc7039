"""All SQL of the content stages."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from matchme_pipeline.content.claims import Claim, quote_key
from matchme_pipeline.content.items import POST, VOICE, HashedItem, RawItem
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import stage_rows
from matchme_pipeline.jobs.model import DEFAULT_PRIORITY, PRIORITY_BY_TIER


def live_items(connection: Connection, first: datetime, before: datetime) -> list[RawItem]:
    """Content items shared in [first, before) that their members still show: posts and transcribed voices."""
    rows = connection.execute(
        """
        select %(post)s, p.id, p.clerk_user_id, p.created_at, p.caption, p.categories, p.depth_level
        from posts p
        join profiles m on m.clerk_user_id = p.clerk_user_id and m.deleted_at is null
        where p.created_at >= %(first)s and p.created_at < %(before)s
            and p.deleted_at is null and coalesce(p.is_visible, true) and coalesce(p.is_approved, true)
        union all
        select %(voice)s, v.id, v.user_id, v.created_at, v.transcription, '{}'::text[], 1
        from voice_introductions v
        join profiles m on m.clerk_user_id = v.user_id and m.deleted_at is null
        where v.created_at >= %(first)s and v.created_at < %(before)s
            and v.is_active and v.processing_status = 'completed' and v.transcription is not null
        order by 4, 2
        """,
        {"first": first, "before": before, "post": POST, "voice": VOICE},
    ).fetchall()
    return [
        RawItem(kind, item_id, user_id, shared_at, text, tuple(categories or ()), depth or 1)
        for kind, item_id, user_id, shared_at, text, categories, depth in rows
    ]


def first_items_by_hash(connection: Connection, before: datetime) -> dict[str, UUID]:
    """The earliest known item of each hash that was shared before `before`."""
    return dict(
        connection.execute(
            """
            select distinct on (content_hash) content_hash, item_id
            from content_items
            where content_hash is not null and shared_at < %s
            order by content_hash, shared_at, item_id
            """,
            [before],
        ).fetchall()
    )


def replace_items(connection: Connection, week: date, items: Sequence[HashedItem]) -> int:
    """Make `items` the week's content items, and write hash and status to posts; returns how many rows changed.

    Rows that are right already are left alone: an update of `posts` rebuilds its text index.
    """
    with connection.transaction():
        stage_rows(
            connection,
            "hashed",
            [
                ("item_type", "text"),
                ("item_id", "uuid"),
                ("user_id", "text"),
                ("shared_at", "timestamptz"),
                ("content_hash", "text"),
                ("status", "text"),
                ("skip_reason", "text"),
                ("duplicate_of", "uuid"),
                ("characters", "integer"),
            ],
            [
                (
                    item.raw.item_type,
                    item.raw.item_id,
                    item.raw.user_id,
                    item.raw.shared_at,
                    item.content_hash,
                    item.status,
                    None if item.content_hash else "empty",
                    item.duplicate_of,
                    item.characters,
                )
                for item in items
            ],
        )
        removed = connection.execute(
            """
            delete from content_items c
            where c.week = %s
                and not exists (select from hashed h where h.item_type = c.item_type and h.item_id = c.item_id)
            """,
            [week],
        ).rowcount
        written = connection.execute(
            """
            insert into content_items as c (
                item_type, item_id, user_id, week, shared_at, content_hash, status, skip_reason, duplicate_of,
                characters
            )
            select item_type, item_id, user_id, %s, shared_at, content_hash, status, skip_reason, duplicate_of,
                characters
            from hashed
            on conflict (item_type, item_id) do update
            set user_id = excluded.user_id, week = excluded.week, shared_at = excluded.shared_at,
                content_hash = excluded.content_hash, status = excluded.status, skip_reason = excluded.skip_reason,
                duplicate_of = excluded.duplicate_of, characters = excluded.characters
            where (c.content_hash, c.status, c.duplicate_of, c.week)
                is distinct from (excluded.content_hash, excluded.status, excluded.duplicate_of, excluded.week)
            """,
            [week],
        ).rowcount
        # A caption that changed is analysed and embedded anew.
        connection.execute(
            """
            update posts p
            set content_hash = h.content_hash,
                processing_status = case when h.status = 'skipped' then 'skipped' else 'pending' end,
                processed_at = null,
                analysis_result = null
            from hashed h
            where h.item_type = 'post' and p.id = h.item_id
                and (
                    p.content_hash is distinct from h.content_hash
                    or (h.status = 'skipped') <> (coalesce(p.processing_status, 'pending') = 'skipped')
                )
            """
        )
    return removed + written


def member_priorities(connection: Connection, user_ids: Collection[str]) -> dict[str, int]:
    """Each member's place in the queue, by subscription tier."""
    rows = connection.execute(
        "select clerk_user_id, subscription_tier from profiles where clerk_user_id = any(%s)", [list(user_ids)]
    ).fetchall()
    return {user_id: PRIORITY_BY_TIER.get(tier or "", DEFAULT_PRIORITY) for user_id, tier in rows}


def known_quotes(connection: Connection, user_ids: Collection[str]) -> dict[tuple[str, str, str], UUID]:
    """The ids of members' insights by member, category and quote: a claim made before is not made again."""
    rows = connection.execute(
        """
        select clerk_user_id, insight_category, source_quote, id
        from user_insights
        where clerk_user_id = any(%s) and source_quote is not null
        order by created_at desc, id desc
        """,
        [list(user_ids)],
    ).fetchall()
    return {(user_id, category, quote_key(quote)): insight_id for user_id, category, quote, insight_id in rows}


def save_claims(
    connection: Connection,
    week: date,
    offered_at: datetime,
    claims: Sequence[Claim],
    known: Mapping[tuple[str, str, str], UUID],
) -> int:
    """Write pending insights and their sources inside the caller's transaction; returns how many are new.

    An insight is offered at `offered_at`, and a member always has at least two weeks to review it.
    """
    new = {
        claim.id: claim
        for claim in claims
        if known.get((claim.user_id, claim.insight.category, quote_key(claim.insight.source_quote)), claim.id)
        == claim.id
    }
    created = 0
    if new:
        rows = list(new.values())
        created = connection.execute(
            """
            insert into user_insights as i (
                id, clerk_user_id, insight_category, title, description, source_quote, confidence_score, created_at,
                updated_at, expires_at
            )
            select id, user_id, category, title, description, quote, confidence, %(at)s, %(at)s,
                greatest(%(at)s::timestamptz + interval '30 days', now() + interval '14 days')
            from unnest(
                %(ids)s::uuid[], %(users)s::text[], %(categories)s::text[], %(titles)s::text[],
                %(descriptions)s::text[], %(quotes)s::text[], %(confidences)s::integer[]
            ) as c (id, user_id, category, title, description, quote, confidence)
            -- A missed week may find what a later one has found already: it was offered first in the earlier one.
            on conflict (id) do update
            set created_at = excluded.created_at
            where i.created_at > excluded.created_at and i.status = 'pending'
            """,
            {
                "at": offered_at,
                "ids": [claim.id for claim in rows],
                "users": [claim.user_id for claim in rows],
                "categories": [claim.insight.category for claim in rows],
                "titles": [claim.insight.title for claim in rows],
                "descriptions": [claim.insight.description for claim in rows],
                "quotes": [claim.insight.source_quote for claim in rows],
                "confidences": [claim.insight.confidence for claim in rows],
            },
        ).rowcount
    _save_sources(connection, week, claims, known)
    return created


def save_outcomes(
    connection: Connection,
    processed_at: datetime,
    answers: Mapping[UUID, list[dict[str, object]]],
    failed: Collection[UUID],
) -> None:
    """Write the analyses of posts and their status, inside the caller's transaction; rows that are right stay."""
    connection.execute(
        """
        update posts p
        set analysis_result = o.answer, processing_status = 'completed', processed_at = %s
        from unnest(%s::uuid[], %s::jsonb[]) as o (id, answer)
        where p.id = o.id
            and (p.processing_status is distinct from 'completed' or p.analysis_result is distinct from o.answer)
        """,
        [processed_at, list(answers), [Jsonb({"insights": answer}, dumps=_dumps) for answer in answers.values()]],
    )
    connection.execute(
        """
        update posts set processing_status = 'failed'
        where id = any(%s) and processing_status is distinct from 'failed'
        """,
        [list(failed)],
    )


def _save_sources(
    connection: Connection, week: date, claims: Sequence[Claim], known: Mapping[tuple[str, str, str], UUID]
) -> None:
    rows = [
        (
            known.get((claim.user_id, claim.insight.category, quote_key(claim.insight.source_quote)), claim.id),
            claim,
        )
        for claim in claims
    ]
    connection.execute(
        """
        insert into insight_sources (insight_id, item_type, item_id, user_id, week, content_hash, cache_key)
        select distinct on (insight_id, item_type, item_id) s.insight_id, s.item_type, s.item_id, s.user_id, %(week)s,
            s.content_hash, s.cache_key
        from unnest(
            %(insights)s::uuid[], %(types)s::text[], %(items)s::uuid[], %(users)s::text[], %(hashes)s::text[],
            %(keys)s::text[]
        ) as s (insight_id, item_type, item_id, user_id, content_hash, cache_key)
        on conflict (insight_id, item_type, item_id) do nothing
        """,
        {
            "week": week,
            "insights": [insight_id for insight_id, _ in rows],
            "types": [claim.item_type for _, claim in rows],
            "items": [claim.item_id for _, claim in rows],
            "users": [claim.user_id for _, claim in rows],
            "hashes": [claim.content_hash for _, claim in rows],
            "keys": [claim.cache_key for _, claim in rows],
        },
    )


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
