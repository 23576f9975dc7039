"""The posts of seeded members: an introduction before the first week, then a few a week, oddities among them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from matchme_pipeline.population.ids import row_id
from matchme_pipeline.population.people import Member, Row
from matchme_pipeline.population.random_draws import between, happens, one, weighted, whole
from matchme_pipeline.population.writing import Sentence, caption, odd_caption

POSTS_PER_WEEK = 2.15
MAX_POSTS = 60
_WEEK = timedelta(weeks=1)
_WEEKS_BEFORE = timedelta(weeks=10)
_INTRODUCTION_SHARE = 0.9
_KINDS = {"plain": 0.885, "odd": 0.07, "own again": 0.015, "another's": 0.015, "own, nearly": 0.015}
_STATES = {"shown": 0.95, "unapproved": 0.01, "invisible": 0.015, "deleted": 0.025}


@dataclass(frozen=True)
class Source:
    """A sentence that a member shared, with its time, which an insight can quote."""

    shared_at: datetime
    sentence: Sentence


def posts(
    rng: np.random.Generator, member: Member, seed: int, start: datetime, end: datetime, others: list[str]
) -> tuple[list[Row], list[Source]]:
    """A member's posts by time, and the sentences of the visible ones.

    `others` are captions of earlier members, some of which are copied word for word.
    """
    rows: list[Row] = []
    sources: list[Source] = []
    for at, introduces in _moments(rng, member, start, end):
        text, sentences = _text(rng, member, rows, others, introduces=introduces)
        state = weighted(rng, _STATES)
        rows.append(
            {
                "id": row_id(seed, "post", member.index, len(rows)),
                "clerk_user_id": member.user_id,
                "caption": text,
                "media_urls": [f"https://media.example.com/post/{member.index}-{len(rows)}.jpg"]
                if happens(rng, 0.4)
                else [],
                "categories": sorted({s.theme.category for s in sentences}),
                "depth_level": _depth(sentences),
                "likes_count": int(rng.poisson(6)),
                "comments_count": int(rng.poisson(1.5)),
                "views_count": int(rng.poisson(60)),
                "is_approved": state != "unapproved",
                "is_visible": state != "invisible",
                "created_at": at,
                "updated_at": at,
                "deleted_at": min(end, at + timedelta(days=2)) if state == "deleted" else None,
            }
        )
        if state == "shown":
            sources += [Source(at, sentence) for sentence in sentences]
    return rows, sources


def _moments(rng: np.random.Generator, member: Member, start: datetime, end: datetime) -> list[tuple[datetime, bool]]:
    """When the member posts, in order, and whether the post introduces them."""
    if member.activity == 0.0:
        return []
    last = min(end, member.leaves_at or end, (member.profile["last_active_at"] or end) + timedelta(hours=1))
    moments: list[tuple[datetime, bool]] = []
    if member.joined_at < start and happens(rng, _INTRODUCTION_SHARE):
        moments.append((between(rng, max(member.joined_at, start - _WEEKS_BEFORE), min(start, last)), True))
    first = max(member.joined_at, start)
    if first < last:
        count = int(rng.poisson(POSTS_PER_WEEK * member.activity * ((last - first) / _WEEK)))
        moments += [(between(rng, first, last), False) for _ in range(min(MAX_POSTS, count))]
    return sorted(moments)


def _text(
    rng: np.random.Generator, member: Member, own: list[Row], others: list[str], *, introduces: bool
) -> tuple[str | None, list[Sentence]]:
    if introduces:
        return caption(rng, member.latent, whole(rng, 3, 6))
    kind = weighted(rng, _KINDS)
    if kind == "odd":
        return odd_caption(rng, member.latent), []
    if kind == "another's" and others:
        return one(rng, others), []
    if kind in ("own again", "own, nearly") and own:
        previous: str | None = one(rng, own)["caption"]
        return (f"{previous} Again!" if previous and kind == "own, nearly" else previous), []
    return caption(rng, member.latent)


def _depth(sentences: list[Sentence]) -> int:
    deep = any(s.theme.kind == "values" for s in sentences)
    return min(4, 1 + len(sentences)) if deep else min(2, max(1, len(sentences)))
