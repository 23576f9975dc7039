"""Seeded members answer their matches: they view, like, pass, write and stop writing.

Actions follow from the seed, the two members and the match week alone, so a repetition changes nothing. The first
places are viewed most (position bias). Some members are liked by many, some are choosy. Members with a high true
affinity and a small age difference like each other more often. The rest is noise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from math import exp

import numpy as np

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.population import match_answer_queries as queries
from matchme_pipeline.population.ids import row_id
from matchme_pipeline.population.latent import Latent, affinity
from matchme_pipeline.population.match_answer_queries import Action, Message, ShownRow
from matchme_pipeline.population.queries import latents
from matchme_pipeline.week import Week

# The probability that the first place is viewed, and the decrease for each later place.
_FIRST_VIEW_PROBABILITY, _VIEW_DECREASE = 0.9, 0.12
_BASE, _OF_AFFINITY, _OF_AGE_YEAR = -1.6, 6.0, -0.08
_POPULARITY, _SELECTIVITY = 0.8, 0.8
_PASSES, _WRITES, _REPLIES, _CONTINUES = 0.7, 0.75, 0.7, 0.5
_LATER = timedelta(days=15)


@dataclass(frozen=True)
class AnswerReport:
    """Numbers of sides that were shown, viewed, liked and passed, and of pairs that wrote."""

    shown: int
    viewed: int
    liked: int
    passed: int
    conversations: int


def answer_matches(connection: Connection, week: Week, seed: int, until: datetime) -> AnswerReport:
    """Members' actions before `until` on the matches of `week`, in the days after its cutoff."""
    shown = queries.shown_rows(connection, week.match_week)
    actions = decide(shown, latents(connection), seed, week)
    liked = {(one.user_id, one.match_user_id): one for one in actions if one.action == "liked"}
    messages: list[Message] = []
    for (a, b), one in sorted(liked.items()):
        if a < b and (b, a) in liked:
            began = max(one.acted_at, liked[b, a].acted_at) + timedelta(hours=1)
            messages += [message for message in _conversation(seed, week, a, b, began) if message.sent_at < until]
    with connection.transaction():
        queries.act(connection, week.match_week, actions)
        queries.write_messages(connection, messages)
    return AnswerReport(
        len(shown),
        len(actions),
        len(liked),
        sum(one.action == "passed" for one in actions),
        len({message.conversation_id for message in messages}),
    )


def decide(shown: Sequence[ShownRow], truth: Mapping[str, Latent], seed: int, week: Week) -> list[Action]:
    """The action of each side that views a match; other sides are left out."""
    actions = []
    for row in shown:
        if row.user_id not in truth or row.match_user_id not in truth:
            continue
        views, likes, passes, when = _chances(seed, week.key, row.user_id, row.match_user_id)
        if views >= _FIRST_VIEW_PROBABILITY - _VIEW_DECREASE * (row.rank - 1):
            continue
        log_odds = (
            _BASE
            + _OF_AFFINITY * affinity(truth[row.user_id], truth[row.match_user_id])
            + _OF_AGE_YEAR * (row.years_apart or 0)
            + _POPULARITY * _trait(seed, "popular", row.match_user_id)
            - _SELECTIVITY * _trait(seed, "choosy", row.user_id)
        )
        action = "liked" if likes < 1 / (1 + exp(-log_odds)) else "passed" if passes < _PASSES else None
        at = week.cutoff + timedelta(hours=1) + when * timedelta(days=4)
        actions.append(Action(row.user_id, row.match_user_id, at, at + timedelta(minutes=3), action))
    return actions


def _conversation(seed: int, week: Week, a: str, b: str, began: datetime) -> list[Message]:
    writes, first, replies, keeps = _chances(seed, week.key, a, b, "talk")
    if writes >= _WRITES:
        return []
    one, other = (a, b) if first < 0.5 else (b, a)
    turns = [(one, other, began)]
    if replies < _REPLIES:
        turns += [(other, one, began + timedelta(hours=5)), (one, other, began + timedelta(hours=6))]
        if keeps < _CONTINUES:
            turns.append((other, one, began + _LATER))
    talk = row_id(seed, "match conversation", a, b)
    return [
        Message(row_id(seed, "match message", a, b, number), talk, sender, recipient, at)
        for number, (sender, recipient, at) in enumerate(turns)
    ]


def _chances(seed: int, *parts: str) -> list[float]:
    """Four uniform numbers derived from the seed and the parts."""
    digest = sha256("/".join((str(seed), *parts)).encode()).digest()
    return [int.from_bytes(digest[place : place + 4], "big") / 2**32 for place in (0, 4, 8, 12)]


def _trait(seed: int, name: str, user_id: str) -> float:
    """A member's attractiveness, normally distributed with mean 0 and deviation 1."""
    digest = sha256(f"{seed}/{name}/{user_id}".encode()).digest()
    return float(np.random.default_rng(int.from_bytes(digest[:8], "big")).normal())
