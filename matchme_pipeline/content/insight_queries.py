"""SQL of insights: offered insights, new claims with their sources, outcomes of posts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from matchme_pipeline.content.claims import Claim, quote_key
from matchme_pipeline.database.connection import Connection

# Ids of insights by member, category and quote.
KnownQuotes = Mapping[tuple[str, str, str], UUID]


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
    known: KnownQuotes,
) -> int:
    """Insert pending insights and their sources inside the caller's transaction; returns the number of new ones.

    An insight is offered at `offered_at`, and a member always has at least two weeks to review it.
    """
    new: dict[UUID, Claim] = {}
    ids = [_insight_id(claim, known) for claim in claims]
    for insight_id, claim in zip(ids, claims, strict=True):
        # Of items with equal texts, the earliest is quoted.
        if insight_id == claim.id:
            new.setdefault(claim.id, claim)
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
            set created_at = excluded.created_at, title = excluded.title, description = excluded.description,
                source_quote = excluded.source_quote, confidence_score = excluded.confidence_score
            where i.created_at > excluded.created_at and i.status = 'pending'
            """,
            {
                "at": offered_at,
                "ids": [claim.id for claim in rows],
                "users": [claim.user_id for claim in rows],
                "categories": [claim.insight.category for claim in rows],
                "titles": [claim.insight.title for claim in rows],
                "descriptions": [claim.insight.description for claim in rows],
                "quotes": [claim.quote for claim in rows],
                "confidences": [claim.insight.confidence for claim in rows],
            },
        ).rowcount
    _save_sources(connection, week, ids, claims)
    return created


def save_outcomes(
    connection: Connection, processed_at: datetime, answered: Collection[UUID], failed: Collection[UUID]
) -> None:
    """Mark posts as analysed, inside the caller's transaction; unchanged rows are not written.

    This table never holds what the analysis found: every app user may select every visible post, and a post must reveal
    no insight that its member has not approved.
    """
    connection.execute(
        """
        update posts
        set analysis_result = null, processing_status = 'completed', processed_at = %s
        where id = any(%s) and (processing_status is distinct from 'completed' or analysis_result is not null)
        """,
        [processed_at, list(answered)],
    )
    if not failed:
        return
    connection.execute(
        """
        update posts set processing_status = 'failed'
        where id = any(%s) and processing_status is distinct from 'failed'
        """,
        [list(failed)],
    )


def names_of(connection: Connection, user_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The first and last names of members, as far as they have stated any."""
    rows = connection.execute(
        "select clerk_user_id, first_name, last_name from profiles where clerk_user_id = any(%s)", [list(user_ids)]
    ).fetchall()
    return {user_id: tuple(name for name in names if name and name.strip()) for user_id, *names in rows}


def _save_sources(connection: Connection, week: date, ids: Sequence[UUID], claims: Sequence[Claim]) -> None:
    rows = list(zip(ids, claims, strict=True))
    connection.execute(
        """
        insert into insight_sources as t (insight_id, item_type, item_id, user_id, week, content_hash, cache_key)
        select distinct on (insight_id, item_type, item_id) s.insight_id, s.item_type, s.item_id, s.user_id, %(week)s,
            s.content_hash, s.cache_key
        from unnest(
            %(insights)s::uuid[], %(types)s::text[], %(items)s::uuid[], %(users)s::text[], %(hashes)s::text[],
            %(keys)s::text[]
        ) as s (insight_id, item_type, item_id, user_id, content_hash, cache_key)
        -- A caption that was edited, or another model's answer, supports the same claim anew.
        on conflict (insight_id, item_type, item_id) do update
        set content_hash = excluded.content_hash, cache_key = excluded.cache_key
        where (t.content_hash, t.cache_key) is distinct from (excluded.content_hash, excluded.cache_key)
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


def _insight_id(claim: Claim, known: KnownQuotes) -> UUID:
    """The id of an existing insight with the same claim, otherwise the claim's own id."""
    return known.get((claim.user_id, claim.insight.category, quote_key(claim.insight.source_quote)), claim.id)
