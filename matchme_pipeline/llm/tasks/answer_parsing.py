"""Parses a model's answer: valid parts are kept, others are dropped and counted by reason; pure."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from matchme_pipeline.llm.contracts import Insight
from matchme_pipeline.llm.text.contact_masking import shows_contact
from matchme_pipeline.llm.text.plain_text import asks_the_other, claims_nothing, is_plain, plain
from matchme_pipeline.llm.text.quote_grounding import QuotableText

# Raise it if stored answers would be parsed differently: part of every cache key.
PARSER_VERSION = 1
CATEGORIES = ("values", "personality", "lifestyle", "interests", "family")
# Longer texts in an answer are dropped.
MAX_READ = 2_000
MAX_TITLE, MAX_DESCRIPTION, MAX_QUOTE, MAX_STARTER = 80, 400, 500, 300
MAX_STARTERS = 3
# The most insights of a post that are kept, and the most claims that are read to find them.
MAX_INSIGHTS = 3
CLAIMS_READ = 20
# Without an answer schema a model answers as in a chat: with thoughts before the JSON or a code fence around it.
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL | re.IGNORECASE)
# How the starters refer to the shown insights: side and position.
_REFERENCE = re.compile(r"[ab]\d{1,2}")
_BY_RULE = ("ungrounded", "masked", "duplicate", "too_many", "markup")


class UnreadableAnswerError(Exception):
    """The whole answer is unusable; the message says why."""


@dataclass
class ItemAnswer:
    """The result of one item: its valid insights, dropped ones by reason, and whether it was answered at all."""

    insights: list[Insight] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def dropped_by_rule(self) -> Counter[str]:
        """Well-formed but dropped: not supported by the member's text, or a duplicate."""
        return Counter({reason: n for reason, n in self.dropped.items() if reason in _BY_RULE})

    @property
    def silent(self) -> bool:
        """Whether the answer does not mention the item."""
        return not self.insights and not self.dropped


def read_object(content: str | None, name: str) -> list[Any]:
    """The list under `name` in the JSON object `content`; raises UnreadableAnswerError for any other content."""
    if not content or not content.strip():
        raise UnreadableAnswerError("empty answer")
    try:
        answer = json.loads(_FENCE.sub(r"\1", _THOUGHTS.sub("", content).strip()))
    except (ValueError, RecursionError):
        raise UnreadableAnswerError("the answer is not JSON") from None
    if not isinstance(answer, dict) or not isinstance(answer.get(name), list):
        raise UnreadableAnswerError(f"the answer has no list '{name}'")
    entries: list[Any] = answer[name]
    return entries


def read_insights(entries: list[Any], asked: Mapping[str, str]) -> tuple[dict[str, ItemAnswer], Counter[str]]:
    """Sort `entries` of an answer by the posts that were asked about.

    `asked` maps each post's id in the request to its text, as its member wrote it. Returns an ItemAnswer for every id
    of `asked`, and the reasons for which entries about no asked post were dropped.
    """
    answers = {post_id: ItemAnswer() for post_id in asked}
    texts = {post_id: QuotableText(text) for post_id, text in asked.items()}
    claims_read: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    for entry in entries:
        post_id = entry.get("post_id") if isinstance(entry, dict) else None
        if not isinstance(post_id, str) or post_id not in answers:
            elsewhere["unknown_post" if isinstance(entry, dict) else "malformed"] += 1
            continue
        claims_read[post_id] += 1
        if len(answers[post_id].insights) >= MAX_INSIGHTS or claims_read[post_id] > CLAIMS_READ:
            answers[post_id].dropped["too_many"] += 1
            continue
        insight = _read_insight(entry, texts[post_id])
        if isinstance(insight, str):
            answers[post_id].dropped[insight] += 1
        elif any(_same(insight, other) for other in answers[post_id].insights):
            answers[post_id].dropped["duplicate"] += 1
        else:
            answers[post_id].insights.append(insight)
    return answers, elsewhere


def read_previews(entries: list[Any], asked: set[str]) -> dict[str, dict[str, list[str]] | str]:
    """The starters per asked pair as {"level_1", "level_2", "insights_used"}, or the reason why they are unusable."""
    previews: dict[str, dict[str, list[str]] | str] = dict.fromkeys(asked, "the answer omits the pair")
    for entry in entries[: CLAIMS_READ * max(1, len(asked))]:
        pair_id = entry.get("pair_id") if isinstance(entry, dict) else None
        if not isinstance(pair_id, str) or pair_id not in asked or not isinstance(previews[pair_id], str):
            continue
        levels = {level: _read_starters(entry.get(level)) for level in ("level_1", "level_2")}
        if len(levels["level_1"]) < 2 or len(levels["level_2"]) < 2:
            previews[pair_id] = "fewer than two usable starters on a level"
            continue
        used = entry.get("insights_used")
        references = _references(used) if isinstance(used, list) else None
        previews[pair_id] = levels if references is None else {**levels, "insights_used": references}
    return previews


def read_reviews(entries: list[Any], asked: set[str]) -> dict[str, int | str]:
    """The fit, 0 to 100, of each pair, or the reason why there is none; a pair's first valid entry counts."""
    reviews: dict[str, int | str] = dict.fromkeys(asked, "the answer omits the pair")
    for entry in entries:
        pair_id = entry.get("pair_id") if isinstance(entry, dict) else None
        if not isinstance(pair_id, str) or pair_id not in asked or isinstance(reviews[pair_id], int):
            continue
        fit = entry.get("fit")
        if isinstance(fit, bool) or not isinstance(fit, int | float) or not 0 <= fit <= 100:
            reviews[pair_id] = "the fit is not a number from 0 to 100"
        else:
            reviews[pair_id] = round(fit)
    return reviews


def _read_insight(entry: Mapping[str, Any], text: QuotableText) -> Insight | str:
    """The insight that `entry` makes about `text`, or the reason why it is dropped."""
    texts = [entry.get(name) for name in ("category", "title", "description", "source_quote")]
    if not all(isinstance(value, str) for value in texts):
        return "missing_field"
    if any(len(str(value)) > MAX_READ for value in texts):
        return "too_long"
    category, title, description, quote = (str(value).strip() for value in texts)
    title, description = plain(title), plain(description)
    confidence = entry.get("confidence")
    if category not in CATEGORIES:
        return "unknown_category"
    if not title or not description or not quote:
        return "missing_field"
    if len(title) > MAX_TITLE or len(description) > MAX_DESCRIPTION or len(quote) > MAX_QUOTE:
        return "too_long"
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        return "missing_field"
    if not 0 <= confidence <= 100:
        return "confidence_out_of_range"
    if not is_plain(title) or not is_plain(description):
        return "markup"
    if shows_contact(quote) or shows_contact(title) or shows_contact(description):
        return "masked"
    found = text.find(quote)
    if found is None or not any(character.isalpha() for character in found):
        return "ungrounded"
    if shows_contact(found):
        return "masked"
    return Insight(category, title, description, found, round(confidence))


def is_shown(starter: str) -> bool:
    """Whether the pair may see a starter: plain, of bounded length, a question, without a contact."""
    usable = bool(starter) and len(starter) <= MAX_STARTER and is_plain(starter)
    return usable and asks_the_other(starter) and not shows_contact(starter)


def shown_starters(stored: Iterable[str]) -> tuple[str, ...]:
    """The stored starters that may be shown, as plain text; they may be older than a rule."""
    read = (plain(starter) for starter in stored)
    return tuple(s for s in read if s and is_plain(s) and claims_nothing(s) and not shows_contact(s))


def _references(used: list[Any]) -> list[str]:
    return list(dict.fromkeys(r for r in used if isinstance(r, str) and _REFERENCE.fullmatch(r)))


def _read_starters(value: Any) -> list[str]:
    if not isinstance(value, list):
        return []
    short = [one for one in value[:CLAIMS_READ] if isinstance(one, str) and len(one) <= MAX_READ]
    return list(dict.fromkeys(starter for one in short if is_shown(starter := plain(one))))[:MAX_STARTERS]


def _same(insight: Insight, other: Insight) -> bool:
    return insight.category == other.category and (
        insight.title.casefold() == other.title.casefold() or insight.source_quote == other.source_quote
    )
