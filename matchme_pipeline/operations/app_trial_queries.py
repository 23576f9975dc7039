"""SQL that tries the app's operations with the app's roles.

Every trial runs in a transaction that is rolled back, so it changes nothing. It inserts the rows that it needs, so it
also works in an empty database.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from matchme_pipeline.database.connection import Connection

# No member has this id, so no trial locks a member's rows.
TRIAL_MEMBER = "user_matchme_doctor"
_TRIAL_PARTNER = "user_matchme_doctor_partner"
_TIERS = ("COMMON", "Common")
_SCORE, _PERCENTILE = 41, 12.5


class _RolledBackError(Exception):
    """Ends a trial's transaction."""


@dataclass(frozen=True)
class Refusal:
    """Why a trial failed: PostgreSQL's sentence, and whether a privilege is missing or a policy hides the row."""

    sentence: str
    is_privilege: bool = False
    is_hidden: bool = False

    def __str__(self) -> str:
        return self.sentence


@contextmanager
def rolled_back(connection: Connection) -> Iterator[None]:
    """A transaction that is always rolled back and waits at most five seconds for a lock."""
    try:
        with connection.transaction():
            connection.execute("set local lock_timeout = '5s'")
            yield
            raise _RolledBackError
    except _RolledBackError:
        pass


def approval_refusal(connection: Connection) -> Refusal | None:
    """The reason why approving an insight fails with the app's triggers; None if it works.

    Tries it as the pipeline's API does, and as a member if the app lets members update insights.
    """
    try:
        with rolled_back(connection):
            _offer_insight(connection)
            _approve(connection)
        if may(connection, "authenticated", "user_insights", "update"):
            with rolled_back(connection):
                _offer_insight(connection)
                _become(connection, TRIAL_MEMBER)
                _approve(connection)
    except psycopg.Error as error:
        return _refusal(error)
    return None


def own_rows_refusal(connection: Connection, table: str) -> Refusal | None:
    """The reason why a member cannot read their own row of `table` with a session token; None if they can."""
    if not has_role(connection, "authenticated"):
        return None
    try:
        with rolled_back(connection):
            _add_row(connection, table)
            _become(connection, TRIAL_MEMBER)
            seen = connection.execute(
                f"select count(*) from {table} where user_id = %s".encode(), [TRIAL_MEMBER]
            ).fetchone()
            return None if seen and seen[0] else Refusal("the member sees none of the rows that are there", False, True)
    except psycopg.Error as error:
        return _refusal(error)


def job_refusal(connection: Connection) -> Refusal | None:
    """The reason why a member cannot request a DNA recalculation as the app does; None if they can."""
    if not has_role(connection, "authenticated"):
        return None
    try:
        with rolled_back(connection):
            _become(connection, TRIAL_MEMBER)
            connection.execute(
                "insert into batch_processing_queue (user_id, job_type, payload, status, priority, scheduled_for) "
                "values (%s, 'dna_recalculation', '{}', 'pending', 1, now()) returning id",
                [TRIAL_MEMBER],
            )
    except psycopg.Error as error:
        return _refusal(error)
    return None


def rewritten_score_columns(connection: Connection) -> list[str]:
    """Columns of `mysoul_dna_scores` whose value after a write differs from the written value."""
    wanted: dict[str, object] = {}
    written: dict[str, object] = {}
    with rolled_back(connection):
        tier = _add_score(connection)
        ranked = connection.execute(
            "select exists (select from information_schema.columns where table_name = 'mysoul_dna_scores' "
            "and table_schema = any(current_schemas(false)) and column_name = 'percentile_rank')"
        ).fetchone()
        wanted |= {"score": _SCORE, "rarity_tier": tier}
        if ranked and ranked[0]:
            wanted["percentile_rank"] = _PERCENTILE
        assignments = ", ".join(f"{column} = %({column})s" for column in wanted)
        connection.execute(
            f"update mysoul_dna_scores set {assignments} where user_id = %(member)s".encode(),
            {**wanted, "member": TRIAL_MEMBER},
        )
        row = connection.execute(
            "select to_jsonb(s) from mysoul_dna_scores s where s.user_id = %s", [TRIAL_MEMBER]
        ).fetchone()
        written |= row[0] if row else {}
    return sorted(name for name, value in wanted.items() if written.get(name) != value)


def has_role(connection: Connection, name: str) -> bool:
    """Does the database have the role, and may the pipeline's role act as it?"""
    row = connection.execute(
        "select exists (select from pg_roles where rolname = %s and pg_has_role(current_user, oid, 'member'))", [name]
    ).fetchone()
    return bool(row and row[0])


def may(connection: Connection, role: str, table: str, privilege: str) -> bool:
    """Does the role exist and hold the privilege on the table?"""
    if not has_role(connection, role):
        return False
    row = connection.execute("select has_table_privilege(%s, %s, %s)", [role, table, privilege]).fetchone()
    return bool(row and row[0])


def _offer_insight(connection: Connection) -> None:
    connection.execute("insert into profiles (clerk_user_id) values (%s)", [TRIAL_MEMBER])
    connection.execute(
        "insert into user_insights (clerk_user_id, insight_category, title, description) "
        "values (%s, 'values', 'a trial', 'a trial')",
        [TRIAL_MEMBER],
    )


def _approve(connection: Connection) -> None:
    connection.execute(
        "update user_insights set status = 'approved', reviewed_at = now() where clerk_user_id = %s", [TRIAL_MEMBER]
    )


def _add_row(connection: Connection, table: str) -> None:
    if table == "weekly_matches":
        connection.execute(
            "insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date) "
            "values (%s, %s, 50, 1, '2000-01-02')",
            [TRIAL_MEMBER, _TRIAL_PARTNER],
        )
    else:
        _add_score(connection)


def _add_score(connection: Connection) -> str:
    """Insert the trial member's score; returns the spelling of the tier that the table accepts."""
    connection.execute("insert into profiles (clerk_user_id) values (%s)", [TRIAL_MEMBER])
    for tier in _TIERS:
        try:
            with connection.transaction():
                connection.execute(
                    "insert into mysoul_dna_scores (user_id, score, rarity_tier) values (%s, 0, %s)",
                    [TRIAL_MEMBER, tier],
                )
        except psycopg.errors.CheckViolation:
            if tier == _TIERS[-1]:
                raise
        else:
            return tier
    raise AssertionError("one of the tiers is inserted or refused")


def _become(connection: Connection, member: str) -> None:
    connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": member})])
    connection.execute("set local role authenticated")


def _refusal(error: psycopg.Error) -> Refusal:
    sentence = (str(error).strip().splitlines() or [type(error).__name__])[0]
    # A policy's refusal has the same code as a missing privilege, but another message.
    is_privilege = isinstance(error, psycopg.errors.InsufficientPrivilege) and "row-level security" not in sentence
    return Refusal(sentence, is_privilege)
