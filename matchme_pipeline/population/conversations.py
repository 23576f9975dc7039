"""Earlier conversations of some seeded members, so that matching has pairs to exclude."""

from datetime import datetime, timedelta
from uuid import UUID

import numpy as np

from matchme_pipeline.population.ids import row_id, user_id
from matchme_pipeline.population.people import Member, Row
from matchme_pipeline.population.random_draws import between, happens, one, whole

_SHARE = 1 / 12
_LINES = ("Salaam, how was your week?", "That made me laugh.", "Tell me more.", "Inshallah soon.", "What a photo!")


def conversation(
    rng: np.random.Generator, member: Member, seed: int, start: datetime, end: datetime
) -> tuple[Row, list[Row]] | None:
    """A conversation with an earlier member of the other gender and its messages; None for most members.

    Partners are earlier members, so that a larger population keeps the conversations of a smaller one.
    """
    if not happens(rng, _SHARE) or member.index == 0:
        return None
    earlier_of_other_gender = range(1 - member.index % 2, member.index, 2)
    partner = user_id(seed, one(rng, earlier_of_other_gender))
    began = between(rng, max(member.joined_at, start - timedelta(days=60)), end)
    key = row_id(seed, "conversation", member.index)
    messages = _messages(rng, seed, key, (member.user_id, partner), began)
    last = messages[-1]
    low, high = sorted((member.user_id, partner))
    return {
        "id": key,
        "user1_clerk_id": low,
        "user2_clerk_id": high,
        "last_message_id": last["id"],
        "last_message_preview": last["content"],
        "last_message_type": last["message_type"],
        "last_message_sent_at": last["sent_at"],
        "last_message_sender_clerk_id": last["sender_clerk_id"],
        "created_at": began,
        "updated_at": last["sent_at"],
    }, messages


def _messages(
    rng: np.random.Generator, seed: int, conversation_id: UUID, pair: tuple[str, str], began: datetime
) -> list[Row]:
    rows: list[Row] = []
    for number in range(whole(rng, 1, 5)):
        at = began + timedelta(minutes=7 * (number + 1))
        rows.append(
            {
                "id": row_id(seed, "message", conversation_id, number),
                "conversation_id": conversation_id,
                "sender_clerk_id": pair[number % 2],
                "recipient_clerk_id": pair[1 - number % 2],
                "content": one(rng, _LINES),
                "message_type": "text",
                "status": "read",
                "sent_at": at,
                "created_at": at,
                "updated_at": at,
            }
        )
    return rows
