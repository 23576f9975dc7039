"""SQL of the previews: openly shown attributes of two members, and both rows of a pair."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from psycopg.types.json import Jsonb

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching.week.publication_queries import json_bytes


def save_previews(connection: Connection, match_week: date, previews: Mapping[tuple[str, str], dict[str, Any]]) -> int:
    """Write each pair's preview to both rows in one transaction; returns the number of changed rows."""
    pairs = sorted(previews)
    with connection.transaction():
        return connection.execute(
            """
            update weekly_matches m
            set chaichat_preview = n.preview
            from unnest(%(a)s::text[], %(b)s::text[], %(previews)s::jsonb[]) as n (a, b, preview)
            -- Both rows by their key: looking for a pair in either order would read the whole week for every batch.
            cross join lateral (values (n.a, n.b), (n.b, n.a)) as w (user_id, match_user_id)
            where m.week_start_date = %(week)s and m.user_id = w.user_id and m.match_user_id = w.match_user_id
                and m.embedding_model is not null and m.chaichat_preview is distinct from n.preview
            """,
            {
                "week": match_week,
                "a": [a for a, _ in pairs],
                "b": [b for _, b in pairs],
                "previews": [Jsonb(previews[pair], dumps=json_bytes) for pair in pairs],
            },
        ).rowcount


def common_attributes(connection: Connection, user_ids: Collection[str]) -> dict[str, dict[str, list[str]]]:
    """Languages and hobbies that members show openly; and the members' names, which are masked in them."""
    rows = connection.execute(
        "select clerk_user_id, languages, hobbies, first_name, last_name from profiles where clerk_user_id = any(%s)",
        [list(user_ids)],
    ).fetchall()
    return {
        user_id: {"languages": languages or [], "hobbies": hobbies or [], "names": [name for name in names if name]}
        for user_id, languages, hobbies, *names in rows
    }
