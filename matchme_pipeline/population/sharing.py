"""What seeded members share over time: posts, voice introductions, answers, and insights of earlier days."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from matchme_pipeline.population.people import Member
from matchme_pipeline.population.writing import Sentence, caption, odd_caption, sentence

# Every id of the population is derived from this namespace and the seed, so that the same seed gives the same ids.
NAMESPACE = uuid.UUID("6f1d3a52-8f0e-4a7e-9a53-5b4f6c6f7d10")
POSTS_PER_WEEK = 2.0
QUESTIONS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "lifestyle",
        "How do you spend a free Saturday?",
        "multiChoice",
        ("outdoors", "with family", "at home", "with friends"),
    ),
    ("lifestyle", "How important is a tidy home?", "scale", ("1", "2", "3", "4", "5")),
    (
        "values",
        "What matters most in a marriage?",
        "multiSelect",
        ("trust", "faith", "laughter", "ambition", "patience"),
    ),
    (
        "values",
        "How do you handle a disagreement?",
        "multiChoice",
        ("talk at once", "sleep on it", "ask a third person"),
    ),
    ("family", "How close do you want to live to your parents?", "scale", ("1", "2", "3", "4", "5")),
    ("family", "Which gatherings do you love?", "multiSelect", ("Eid", "weddings", "Sunday lunch", "quiet evenings")),
    ("personality", "Do you plan or improvise?", "scale", ("1", "2", "3", "4", "5")),
    ("personality", "What do friends come to you for?", "multiChoice", ("advice", "fun", "calm", "help")),
    ("interests", "Pick your weekend reading", "multiChoice", ("novel", "news", "scripture", "cookbook", "none")),
    ("interests", "What would you learn next?", "text", ()),
    ("religious", "How do you keep Ramadan?", "multiSelect", ("fasting", "night prayers", "charity", "family iftars")),
    ("religious", "How important is it that you pray together?", "scale", ("1", "2", "3", "4", "5")),
)


@dataclass(frozen=True)
class Shared:
    """The rows of one member's sharing, ready to be copied."""

    posts: list[dict[str, Any]]
    voices: list[dict[str, Any]]
    answers: list[dict[str, Any]]
    insights: list[dict[str, Any]]


def question_id(seed: int, number: int) -> uuid.UUID:
    """The id of the population's question of that number."""
    return uuid.uuid5(NAMESPACE, f"{seed}/question/{number}")


def shared(
    rng: np.random.Generator, member: Member, seed: int, start: datetime, end: datetime, earlier: Sequence[str]
) -> Shared:
    """Everything one member shares; `earlier` are captions of other members, some of which are copied word for word."""
    posts, sources = _posts(rng, member, seed, start, end, earlier)
    voices, spoken = _voices(rng, member, seed, start, end)
    insights = _insights(rng, member, seed, start, end, sources + spoken)
    return Shared(posts, voices, _answers(rng, member, seed, start, end), insights)


def _posts(
    rng: np.random.Generator, member: Member, seed: int, start: datetime, end: datetime, earlier: Sequence[str]
) -> tuple[list[dict[str, Any]], list[tuple[datetime, Sentence]]]:
    first = max(member.joined_at, start - timedelta(weeks=10))
    last = min(end, member.leaves_at or end, member.profile["last_active_at"] + timedelta(hours=1))
    before = (start - first) / timedelta(weeks=1) * 0.1 if first < start else 0.0
    within = max(0.0, (last - max(first, start)) / timedelta(weeks=1))
    rows: list[dict[str, Any]] = []
    sources: list[tuple[datetime, Sentence]] = []
    spans = ((first, start, before), (max(first, start), last, within))
    for begin, finish, weeks in spans:
        if finish <= begin:
            continue
        for _ in range(min(60, int(rng.poisson(POSTS_PER_WEEK * member.activity * weeks)))):
            at = begin + (finish - begin) * float(rng.random())
            text, sentences = _text(rng, member, rows, earlier)
            hidden = rng.random()
            rows.append(
                {
                    "id": uuid.uuid5(NAMESPACE, f"{seed}/post/{member.index}/{len(rows)}"),
                    "clerk_user_id": member.user_id,
                    "caption": text,
                    "categories": sorted({s.category for s in sentences}),
                    "depth_level": _depth(sentences),
                    "likes_count": int(rng.poisson(6)),
                    "comments_count": int(rng.poisson(1.5)),
                    "views_count": int(rng.poisson(60)),
                    "is_approved": hidden > 0.01,
                    "is_visible": not 0.01 < hidden < 0.025,
                    "created_at": at,
                    "updated_at": at,
                    "deleted_at": min(end, at + timedelta(days=2)) if 0.025 < hidden < 0.045 else None,
                }
            )
            if hidden > 0.05:
                sources += [(at, s) for s in sentences]
    return rows, sources


def _text(
    rng: np.random.Generator, member: Member, own: list[dict[str, Any]], earlier: Sequence[str]
) -> tuple[str | None, list[Sentence]]:
    kind = rng.random()
    if kind < 0.07:
        return odd_caption(rng, member.latent), []
    if kind < 0.085 and own:
        return own[int(rng.integers(len(own)))]["caption"], []
    if kind < 0.10 and earlier:
        return earlier[int(rng.integers(len(earlier)))], []
    if kind < 0.115 and own:
        previous = own[int(rng.integers(len(own)))]["caption"]
        return f"{previous} Again!" if previous else None, []
    return caption(rng, member.latent)


def _depth(sentences: list[Sentence]) -> int:
    if any(s.kind == "values" for s in sentences):
        return min(4, 1 + len(sentences))
    return min(2, max(1, len(sentences)))


def _voices(
    rng: np.random.Generator, member: Member, seed: int, start: datetime, end: datetime
) -> tuple[list[dict[str, Any]], list[tuple[datetime, Sentence]]]:
    if rng.random() > 0.3:
        return [], []
    at = max(member.joined_at, start - timedelta(days=30)) + timedelta(days=float(rng.uniform(0, 40)))
    if at >= end:
        return [], []
    sentences = [sentence(rng, member.latent) for _ in range(3)]
    done = rng.random() > 0.1
    spoken = " ".join(["Salaam, a few words about me.", *(s.text for s in sentences)])
    row = {
        "id": uuid.uuid5(NAMESPACE, f"{seed}/voice/{member.index}"),
        "user_id": member.user_id,
        "url": f"https://media.example.com/voice/{member.index}.webm",
        "storage_path": f"voice/{member.index}.webm",
        "duration_seconds": int(rng.integers(8, 31)),
        "file_type": "audio/webm",
        "transcription": spoken if done else None,
        "transcription_confidence": round(float(rng.uniform(0.8, 0.99)), 4) if done else None,
        "processing_status": "completed" if done else str(rng.choice(["pending", "failed"])),
        "is_active": True,
        "created_at": at,
        "updated_at": at,
    }
    return [row], [(at, s) for s in sentences] if done else []


def _answers(
    rng: np.random.Generator, member: Member, seed: int, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    rows = []
    for number, (_, _, kind, options) in enumerate(QUESTIONS):
        if rng.random() > 0.6:
            continue
        at = max(member.joined_at, start - timedelta(days=20)) + timedelta(days=float(rng.exponential(9)))
        if at >= end:
            continue
        answer: Any
        if kind == "text":
            answer = f"{next(iter(member.latent.interests))}, with a good teacher"
        elif kind == "multiSelect":
            answer = [option for option in options if rng.random() < 0.5]
        elif kind == "scale":
            answer = int(rng.integers(1, 6))
        else:
            answer = options[int(rng.integers(len(options)))]
        rows.append(
            {
                "id": uuid.uuid5(NAMESPACE, f"{seed}/answer/{member.index}/{number}"),
                "question_id": question_id(seed, number),
                "clerk_user_id": member.user_id,
                "answer": answer,
                "created_at": at,
                "updated_at": at,
            }
        )
    return rows


def _insights(
    rng: np.random.Generator,
    member: Member,
    seed: int,
    start: datetime,
    end: datetime,
    sources: list[tuple[datetime, Sentence]],
) -> list[dict[str, Any]]:
    """Insights that the app had found by hand before the first week, reviewed before and through the weeks."""
    limit = start + timedelta(days=10)
    unique = {s.text: (at, s) for at, s in sorted(sources, key=lambda source: source[0]) if at < limit}
    rows = []
    for number, (at, source) in enumerate(list(unique.values())[:12]):
        if rng.random() > 0.85:
            continue
        created = at + timedelta(hours=float(rng.uniform(1, 48)))
        reviewed = created + timedelta(days=float(rng.exponential(8)))
        decided = rng.random() < member.reviews and reviewed < end
        status = ("approved" if rng.random() < 0.8 else "rejected") if decided else "pending"
        rows.append(
            {
                "id": uuid.uuid5(NAMESPACE, f"{seed}/insight/{member.index}/{number}"),
                "clerk_user_id": member.user_id,
                "insight_category": source.category,
                "title": f"Cares about {source.theme}" if source.kind == "values" else f"Drawn to {source.theme}",
                "description": f"What you shared suggests that {source.theme} has a place in your life.",
                "source_quote": source.text,
                "confidence_score": int(rng.integers(60, 96)),
                "status": status,
                "reviewed_at": reviewed if decided else None,
                "created_at": created,
                "expires_at": created + timedelta(days=30),
                "updated_at": reviewed if decided else created,
            }
        )
    return rows
