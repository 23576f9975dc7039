"""Insights without a language model: the theme closest to each sentence, with the sentence as the quote."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from matchme_pipeline.llm.local.encoder import SentenceEncoder
from matchme_pipeline.llm.local.themes import Themes, theme_similarities
from matchme_pipeline.llm.text.contact_masking import shows_contact
from matchme_pipeline.llm.text.model_addressing import addresses_a_model
from matchme_pipeline.llm.text.sentences import sentences

# Measured on the synthetic data's sentences (matchme_pipeline_tests/bench/llm.py prints both figures): below it,
# meaningless sentences begin to count.
THRESHOLD = 0.42
# A cosine at or above this counts as an explicit statement.
CERTAIN = 0.80
MIN_CONFIDENCE, MAX_CONFIDENCE = 50, 95
INSIGHTS_AN_ITEM = 3
MIN_SENTENCE = 12
MAX_QUOTE = 300

Json = dict[str, Any]


def answer_insights(requests: Sequence[Json], themes: Themes, encoder: SentenceEncoder) -> list[Json]:
    """Answers to many insight requests at once, each in the format of the chat API.

    A request is `{"posts": [{"id", "text", ..}]}`, its answer `{"insights": [{"post_id", "category", "title",
    "description", "source_quote", "confidence"}]}`.
    """
    posts = [(number, post["id"], post["text"]) for number, request in enumerate(requests) for post in request["posts"]]
    quotable = [
        (number, post_id, sentence)
        for number, post_id, text in posts
        for sentence in sentences(text)
        if MIN_SENTENCE <= len(sentence) <= MAX_QUOTE
    ]
    answers: list[Json] = [{"insights": []} for _ in requests]
    if not quotable:
        return answers
    closeness, meaningless = theme_similarities(
        encoder.unit_vectors([sentence for _, _, sentence in quotable]), themes, encoder
    )
    best = closeness.argmax(axis=1)
    scores = closeness.max(axis=1)
    found: dict[tuple[int, str], list[tuple[float, int, str]]] = {}
    for row in np.flatnonzero((scores >= THRESHOLD) & (scores > meaningless)):
        number, post_id, sentence = quotable[row]
        # Only here, because most sentences show no theme.
        if not _may_be_quoted(sentence):
            continue
        found.setdefault((number, post_id), []).append((float(scores[row]), int(best[row]), sentence))
    for (number, post_id), claims in found.items():
        answers[number]["insights"] += _insights(post_id, claims, themes)
    return answers


def _may_be_quoted(sentence: str) -> bool:
    """Whether a sentence can be evidence: no contact, not addressed to a model."""
    return not shows_contact(sentence) and not addresses_a_model(sentence)


def _insights(post_id: str, claims: Sequence[tuple[float, int, str]], themes: Themes) -> list[Json]:
    """The strongest claim on each theme, the strongest three of those."""
    chosen: dict[int, tuple[float, str]] = {}
    for score, theme, sentence in sorted(claims, key=lambda claim: (-claim[0], claim[1], claim[2])):
        chosen.setdefault(theme, (score, sentence))
    return [
        {
            "post_id": post_id,
            "category": themes.themes[theme].category,
            "title": themes.themes[theme].title,
            "description": themes.themes[theme].description,
            "source_quote": sentence,
            "confidence": _confidence(score),
        }
        for theme, (score, sentence) in list(chosen.items())[:INSIGHTS_AN_ITEM]
    ]


def _confidence(score: float) -> int:
    """Linear from the threshold (50) to certainty (95)."""
    share = min(1.0, (score - THRESHOLD) / (CERTAIN - THRESHOLD))
    return round(MIN_CONFIDENCE + share * (MAX_CONFIDENCE - MIN_CONFIDENCE))
