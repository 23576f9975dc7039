"""SQL of seeded members' answers to their matches: shown matches, actions, messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection


@dataclass(frozen=True)
class ShownRow:
    """One side of a shown pair; `years_apart`: the age difference, None if a birthdate is missing."""

    user_id: str
    match_user_id: str
    rank: int
    years_apart: float | None


@dataclass(frozen=True)
class Action:
    """One side's action on a match; `action` is `liked`, `passed`, or None: viewed only."""

    user_id: str
    match_user_id: str
    viewed_at: datetime
    acted_at: datetime
    action: str | None


@dataclass(frozen=True)
class Message:
    """One message of a conversation between two members who like each other."""

    id: UUID
    conversation_id: UUID
    sender: str
    recipient: str
    sent_at: datetime


def shown_rows(connection: Connection, match_week: date) -> list[ShownRow]:
    """The sides that a match week shows, by members."""
    with connection.cursor(row_factory=class_row(ShownRow)) as cursor:
        return cursor.execute(
            """
            select m.user_id, m.match_user_id, m.rank, (abs(a.birthdate - b.birthdate) / 365.25)::float8 as years_apart
            from weekly_matches m
            left join profiles a on a.clerk_user_id = m.user_id
            left join profiles b on b.clerk_user_id = m.match_user_id
            where m.week_start_date = %s
            order by m.user_id, m.match_user_id
            """,
            [match_week],
        ).fetchall()


def act(connection: Connection, match_week: date, actions: Sequence[Action]) -> int:
    """Write actions on matches that have none; returns the number of changed rows."""
    return connection.execute(
        """
        update weekly_matches m
        set viewed_at = d.viewed_at, action = d.action,
            actioned_at = case when d.action is not null then d.acted_at end
        from unnest(%s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[])
            as d (user_id, match_user_id, viewed_at, acted_at, action)
        where m.week_start_date = %s and m.viewed_at is null
            and (m.user_id, m.match_user_id) = (d.user_id, d.match_user_id)
        """,
        [
            [one.user_id for one in actions],
            [one.match_user_id for one in actions],
            [one.viewed_at for one in actions],
            [one.acted_at for one in actions],
            [one.action for one in actions],
            match_week,
        ],
    ).rowcount


def write_messages(connection: Connection, messages: Sequence[Message]) -> int:
    """Write messages and their conversations; existing ones stay. Returns the number of new messages."""
    parameters = {
        "ids": [one.id for one in messages],
        "talks": [one.conversation_id for one in messages],
        "senders": [one.sender for one in messages],
        "recipients": [one.recipient for one in messages],
        "times": [one.sent_at for one in messages],
    }
    connection.execute(
        """
        insert into conversations (id, user1_clerk_id, user2_clerk_id, created_at, updated_at)
        select t.id, least(t.sender, t.recipient), greatest(t.sender, t.recipient), min(t.sent_at), min(t.sent_at)
        from unnest(%(talks)s::uuid[], %(senders)s::text[], %(recipients)s::text[], %(times)s::timestamptz[])
            as t (id, sender, recipient, sent_at)
        group by 1, 2, 3
        on conflict do nothing
        """,
        parameters,
    )
    return connection.execute(
        """
        insert into messages (
            id, conversation_id, sender_clerk_id, recipient_clerk_id, content, sent_at, created_at, updated_at
        )
        select t.id, c.id, t.sender, t.recipient, 'Salaam', t.sent_at, t.sent_at, t.sent_at
        from unnest(
            %(ids)s::uuid[], %(talks)s::uuid[], %(senders)s::text[], %(recipients)s::text[], %(times)s::timestamptz[]
        ) as t (id, talk, sender, recipient, sent_at)
        join conversations c on c.id = t.talk
        order by t.sent_at, t.id
        on conflict do nothing
        """,
        parameters,
    ).rowcount
