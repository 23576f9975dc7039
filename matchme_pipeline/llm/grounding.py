"""What of a model's answer is valid: known item, known category, sane lengths, and a quote that stands in the text."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from matchme_pipeline.llm.contracts import Insight

CATEGORIES = ("values", "personality", "lifestyle", "interests", "family")
LONGEST_TITLE = 80
LONGEST_DESCRIPTION = 400
SHORTEST_QUOTE = 3
MOST_PER_ITEM = 5
# Part of every cache key: an answer parsed by other rules is another answer.
PARSER_VERSION = "p1"
_MASK = re.compile(r"\[(?:email|phone|link|handle)\]")
_SPACE = re.compile(r"\s+")


class UnusableAnswerError(ValueError):
    """The answer as a whole can't be read; its items may be asked again."""


@dataclass
class ParsedInsights:
    """The valid insights of an answer by local item id, and what was dropped, by item id and reason."""

    insights: dict[str, list[Insight]] = field(default_factory=dict)
    dropped: dict[str, Counter[str]] = field(default_factory=dict)
    unknown_items: int = 0


def parse_insights(answer: str, texts: Mapping[str, str]) -> ParsedInsights:
    """Read an answer about the items in `texts` (local id to text); keeps what is valid, counts the rest.

    Raises UnusableAnswerError when the answer is not the agreed JSON object at all.
    """
    parsed = ParsedInsights({key: [] for key in texts}, {key: Counter() for key in texts})
    for row in _rows(answer, "insights"):
        item = str(row.get("post_id"))
        if item not in texts:
            parsed.unknown_items += 1
            continue
        result = _insight(row, texts[item])
        kept = parsed.insights[item]
        if isinstance(result, str):
            parsed.dropped[item][result] += 1
        elif any(_same(result, other) for other in kept):
            parsed.dropped[item]["duplicate"] += 1
        elif len(kept) >= MOST_PER_ITEM:
            parsed.dropped[item]["too_many"] += 1
        else:
            kept.append(result)
    return parsed


def parse_previews(answer: str, pair_ids: Mapping[str, frozenset[str]]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read previews: by pair id, `level_1` and `level_2` (two or three starters each) and `insights_used`.

    `pair_ids` holds the insight ids that each pair's preview may build on. Pairs whose preview breaks a rule are
    left out. Raises UnusableAnswerError when the answer is not the agreed JSON object at all.
    """
    valid: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in _rows(answer, "previews"):
        pair = str(row.get("pair_id"))
        if pair not in pair_ids or pair in valid:
            continue
        levels = {name: _starters(row.get(name)) for name in ("level_1", "level_2")}
        used = row.get("insights_used", [])
        if all(levels.values()) and isinstance(used, list):
            known = tuple(str(key) for key in used if str(key) in pair_ids[pair])
            valid[pair] = {**levels, "insights_used": known}
    return valid


def find_quote(text: str, quote: str) -> str | None:
    """The member's own words for `quote`: where it stands in `text`, but for white space and Unicode form.

    None when it doesn't stand there.
    """
    wanted = _SPACE.sub(" ", unicodedata.normalize("NFC", quote)).strip()
    if len(wanted) < SHORTEST_QUOTE:
        return None
    pattern = r"\s+".join(re.escape(word) for word in wanted.split(" "))
    found = re.search(pattern, unicodedata.normalize("NFC", text))
    return found[0] if found else None


def _insight(row: Mapping[str, Any], text: str) -> Insight | str:
    fields = [row.get(name) for name in ("category", "title", "description", "source_quote")]
    if not all(isinstance(value, str) and value.strip() for value in fields):
        return "incomplete"
    category, title, description, quote = (str(value).strip() for value in fields)
    confidence = row.get("confidence")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 100:
        return "confidence"
    if category not in CATEGORIES:
        return "category"
    if len(title) > LONGEST_TITLE or len(description) > LONGEST_DESCRIPTION:
        return "too_long"
    own_words = None if _MASK.search(quote) else find_quote(text, quote)
    if own_words is None:
        return "ungrounded"
    return Insight(category, title, description, own_words, round(confidence))


def _starters(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 2 <= len(value) <= 3:
        return ()
    if not all(isinstance(text, str) and 5 <= len(text.strip()) <= LONGEST_DESCRIPTION for text in value):
        return ()
    return tuple(text.strip() for text in value)


def _rows(answer: str, name: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(answer)
    except (json.JSONDecodeError, TypeError, RecursionError):
        raise UnusableAnswerError("the answer is not JSON") from None
    rows = document.get(name) if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise UnusableAnswerError(f"the answer has no list '{name}'")
    return [row for row in rows if isinstance(row, dict)]


def _same(a: Insight, b: Insight) -> bool:
    return a.category == b.category and a.source_quote.casefold() == b.source_quote.casefold()
