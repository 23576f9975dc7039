"""Answers of seeded members: the app's questionnaire and the personality assessment."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np

from matchme_pipeline.population.ids import row_id
from matchme_pipeline.population.people import Member, Row
from matchme_pipeline.population.random_draws import after, happens, one, some, weighted, whole
from matchme_pipeline.population.vocabulary import vocabulary

_TYPES = ("wise_aunty", "modern_scholar", "spiritual_guide", "cultural_bridge")
_STEPS = 5


def questionnaire(seed: int, start: datetime) -> list[Row]:
    """The app's questions, asked since long before the first week."""
    asked_at = start - timedelta(days=500)
    return [
        {
            "id": row_id(seed, "question", number),
            "category": category,
            "question": question,
            "type": kind,
            "options": options,
            "max_selections": 3 if kind == "multiSelect" else None,
            "created_at": asked_at,
            "updated_at": asked_at,
        }
        for number, (category, question, kind, options) in enumerate(vocabulary().people["questions"])
    ]


def answers(rng: np.random.Generator, member: Member, seed: int, start: datetime, end: datetime) -> list[Row]:
    """A member's answers over time: some members answer nearly everything, some hardly anything."""
    answer_rate = float(rng.beta(2, 1.5))
    first = max(member.joined_at, start - timedelta(days=20))
    last = min(end, member.leaves_at or end)
    rows: list[Row] = []
    for number, (_, _, kind, options) in enumerate(vocabulary().people["questions"]):
        if not happens(rng, answer_rate):
            continue
        at = after(rng, first, timedelta(days=9))
        if at < last:
            rows.append(
                {
                    "id": row_id(seed, "answer", member.index, number),
                    "question_id": row_id(seed, "question", number),
                    "clerk_user_id": member.user_id,
                    "answer": _answer(rng, member, kind, options),
                    "created_at": at,
                    "updated_at": at,
                }
            )
    return rows


def personality_assessment(rng: np.random.Generator, member: Member, seed: int, end: datetime) -> Row | None:
    """The member's assessment, finished or half finished; None for members who never began."""
    if not happens(rng, 0.7):
        return None
    finished = happens(rng, 0.8)
    scores = {name: whole(rng, 0, 10) for name in _TYPES}
    at = member.joined_at + timedelta(days=1)
    return {
        "id": row_id(seed, "assessment", member.index),
        "clerk_user_id": member.user_id,
        "current_step": _STEPS if finished else whole(rng, 0, _STEPS - 1),
        "scores": scores,
        "personality_type": max(_TYPES, key=scores.__getitem__) if finished else None,
        **{f"{name}_score": score for name, score in scores.items()},
        "completed_at": min(at + timedelta(hours=1), end) if finished else None,
        "created_at": min(at, end),
        "updated_at": min(at, end),
    }


def _answer(rng: np.random.Generator, member: Member, kind: str, options: list[str]) -> Any:
    if kind == "text":
        theme = vocabulary().themes["interests"][weighted(rng, member.latent.interests)]
        value = vocabulary().themes["values"][weighted(rng, member.latent.values)]
        return one(rng, (f"More about {theme.label}", f"{value.about.capitalize()}, always", f"{theme.label} 🙂", ""))
    if kind == "multiSelect":
        return some(rng, options, 0.4)
    return whole(rng, 1, 5) if kind == "scale" else one(rng, options)
