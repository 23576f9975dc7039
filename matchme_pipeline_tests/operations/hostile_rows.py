"""Values that PostgreSQL holds and nobody expects, planted in every column that the app or a member writes."""

from collections.abc import Iterator, Sequence

import psycopg
from psycopg import sql

from matchme_pipeline.database.connection import Connection

APP_TABLES = (
    "profiles", "islamic_preferences", "match_preferences", "dna_answers", "personality_assessments",
    "cultural_profiles", "cultural_backgrounds", "posts", "voice_introductions", "user_insights",
    "gamification_progress", "mysoul_dna_scores", "mysoul_score_history", "mysoul_achievements",
    "content_similarity_cache", "user_city_assignments", "conversations", "messages", "batch_processing_queue",
    "batch_run_history", "weekly_matches", "dna_questionnaires", "city_clusters", "governance_rules", "cost_alerts",
    "mmagent_token_usage", "trait_distribution_stats",
)  # fmt: skip
# What identifies a row or points at another one; the tests plant odd ids by themselves.
_KEYS = {"id", "clerk_user_id", "user_id", "user1_clerk_id", "user2_clerk_id", "conversation_id", "question_id"}
_DEEP = "repeat('[', 2500) || repeat(']', 2500)"
_MOMENTS = ("'infinity'", "'-infinity'", "'0044-03-15 BC'", "'20000-01-01'", "null")
_ODD: dict[str, Sequence[str]] = {
    "text": (
        "''", "'   '", "repeat('x', 200000)", r"E'\u202e\u200f\u0001\U0001F9D5'", "'NaN'", "'{'", "null",
        "repeat('[', 2500)", "'1e5000'",
    ),
    "jsonb": (
        f"({_DEEP})::jsonb", "'1e5000'", "'{\"score\": 1e5000}'", "'\"a text\"'", "'[]'", "'{}'", "'null'", "'-7'",
        "'[null, [1], {\"a\": null}]'", "'{\"lat\": \"x\", \"lng\": [], \"sect\": {}, \"practiceLevel\": 1e5000}'",
        f"jsonb_build_object('lat', ({_DEEP})::jsonb)", "null",
    ),
    "timestamp with time zone": _MOMENTS,
    "date": _MOMENTS,
    "numeric": ("'NaN'", "0", "-999", "999", "null"),
    "double precision": ("'NaN'", "'Infinity'", "'-Infinity'", "1e308", "null"),
    "integer": ("2147483647", "-2147483648", "0", "18", "null"),
    "smallint": ("32767", "-32768", "0", "18", "null"),
    "boolean": ("true", "false", "null"),
    "ARRAY": ("'{}'", "'{null}'", "'{{a,b},{c,null}}'", "'[5:6]={a,b}'", "array[repeat('x', 100000)]", "null"),
    "character varying": ("''", "E'\\u202e'", "null"),
}  # fmt: skip


def plant(connection: Connection, tables: Sequence[str] = APP_TABLES) -> dict[str, int]:
    """Put every odd value into every column, each into another row as long as there are rows.

    Returns how many values each table's constraints let in.
    """
    planted: dict[str, int] = {}
    for table in tables:
        for column, value in _values(connection, table):
            planted[table] = planted.get(table, 0) + _put(connection, table, column, value)
    return planted


def _values(connection: Connection, table: str) -> Iterator[tuple[str, str]]:
    columns = connection.execute(
        """
        select column_name, data_type from information_schema.columns
        where table_schema = 'public' and table_name = %s and is_generated = 'NEVER' order by ordinal_position
        """,
        [table],
    ).fetchall()
    for column, kind in columns:
        if column not in _KEYS:
            yield from ((column, value) for value in _ODD.get(kind, ()))


def _put(connection: Connection, table: str, column: str, value: str) -> int:
    # An updated row moves behind all others, so that the first one is the one that was left alone for longest.
    statement = sql.SQL("update {table} set {column} = {value} where ctid = (select min(ctid) from {table})").format(
        table=sql.Identifier(table), column=sql.Identifier(column), value=sql.SQL(value)
    )
    try:
        with connection.transaction():
            return connection.execute(statement).rowcount
    except psycopg.Error:
        # A constraint keeps it out of the real table, too.
        return 0
