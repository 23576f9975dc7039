"""Values that PostgreSQL holds and nobody expects, planted in every column that the app or a member writes."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

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
_MOMENTS = ("'infinity'", "'-infinity'", "'0044-03-15 BC'", "'20000-01-01'", "null", "'9999-12-31'", "'0001-01-01'")
_ODD: dict[str, Sequence[str]] = {
    "text": (
        "''", "'   '", "repeat('x', 200000)", r"E'\u202e\u200f\u0001\U0001F9D5'", "'NaN'", "'{'", "null",
        "repeat('[', 2500)", "'1e5000'", r"E'\u200f'", r"E'\u202e\u2066\ufeff'", r"E'\u0001\u0002\t\n\r'", "'\"'",
        r"'\'",
        "'%s %d {} {0}'", r"E'\U000E0041'", r"repeat(E'\u0301', 5000)", "'a''b\"c;--'", "repeat('insta @a ', 20000)",
    ),
    "jsonb": (
        f"({_DEEP})::jsonb", "'1e5000'", "'{\"score\": 1e5000}'", "'\"a text\"'", "'[]'", "'{}'", "'null'", "'-7'",
        "'[null, [1], {\"a\": null}]'", "'{\"lat\": \"x\", \"lng\": [], \"sect\": {}, \"practiceLevel\": 1e5000}'",
        f"jsonb_build_object('lat', ({_DEEP})::jsonb)", "null", "'1e131000'", "'{\"score\": -1e400}'", "true", "'\"\"'",
        "('[' || repeat('1,', 30000) || '1]')::jsonb", "to_jsonb(repeat('z', 500000))", "'[{}]'", "'[[[]]]'",
        "'[true, false, 0]'", "('0.' || repeat('9', 5000))::jsonb", r"""'["\u202e", "\u0001", "NaN"]'""",
        "'{\"fingerprint\": [1], \"texts\": {}, \"error\": []}'", "'123456789012345678901234567890'",
    ),
    "timestamp with time zone": (*_MOMENTS, "'294276-12-31'", "'4713-01-01 BC'"),
    "date": (*_MOMENTS, "'5874897-12-31'", "'4713-01-01 BC'", "'1996-02-29'"),
    "numeric": ("'NaN'", "0", "-999", "999", "null", "'Infinity'", "'-Infinity'", "1e130000", "1e-16000"),
    "double precision": ("'NaN'", "'Infinity'", "'-Infinity'", "1e308", "'-0'", "5e-324", "null"),
    "integer": ("2147483647", "-2147483648", "0", "18", "null"),
    "smallint": ("32767", "-32768", "0", "18", "null"),
    "boolean": ("true", "false", "null"),
    "ARRAY": ("'{}'", "'{null}'", "'{{a,b},{c,null}}'", "'[5:6]={a,b}'", "array[repeat('x', 100000)]", "null",
              "'[-3:-2]={a,b}'", "array[null, null]::text[]", "array_fill('z'::text, array[10000])", "'{{{a}}}'",
              r"array[E'\u202e', E'\u0001', 'NULL', '']"),
    "character varying": ("''", "E'\\u202e'", "null"),
}  # fmt: skip


# A row for each of twenty members in tables that the seeded population leaves empty: what is not there is not tried.
_ROWS_FOR_EMPTY_TABLES = (
    "insert into mmagent_token_usage (clerk_user_id, tokens_limit) select clerk_user_id, 100",
    "insert into governance_rules (rule_name, rule_type, action) select clerk_user_id, 'spam', 'warn'",
    "insert into cost_alerts (alert_name, threshold_percent) select clerk_user_id, 50",
    "insert into trait_distribution_stats (trait_key, trait_category) select clerk_user_id, 'family'",
    "insert into mysoul_score_history (user_id, score, rarity_tier) select clerk_user_id, 7, 'COMMON'",
    "insert into content_similarity_cache (user_id) select clerk_user_id",
)


def plant(connection: Connection, tables: Sequence[str] = APP_TABLES) -> dict[str, int]:
    """Put every odd value into every column, each into another row as long as there are rows.

    Returns how many values each table's constraints let in.
    """
    for statement in _ROWS_FOR_EMPTY_TABLES:
        with suppress(psycopg.Error), connection.transaction():
            connection.execute(f"{statement} from profiles order by 1 limit 20")  # type: ignore[arg-type]
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
