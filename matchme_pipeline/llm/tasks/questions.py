"""The tasks of models: insights, previews and reviews, with their questions and the parsing of answers.

Pure: a question holds its cache key and the data for the model. A task turns questions into one request's JSON, and the
answer's JSON into the stored result of each question.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from matchme_pipeline.llm.cache_keys import cache_key, hash_of
from matchme_pipeline.llm.contracts import Insight, ItemToAnalyse, PairToPreview, PairToReview, SharedInsight
from matchme_pipeline.llm.tasks import answer_parsing
from matchme_pipeline.llm.tasks.prompt_files import Prompt
from matchme_pipeline.llm.text.contact_masking import mask
from matchme_pipeline.llm.text.model_addressing import addresses_a_model
from matchme_pipeline.llm.text.plain_text import is_plain, plain
from matchme_pipeline.llm.text.sentences import cut_at_boundary

# How many of each side's insights a preview is written from.
INSIGHTS_A_SIDE = 3
# A shorter post may show nothing; if an answer omits a longer one, it is asked about once more.
MIN_INFORMATIVE_CHARACTERS = 25

Json = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """One item to ask about. Different `owner`s never share a request; an `alone` question has its own request."""

    key: str
    subject: str
    owner: str | None
    data: Json
    text: str = ""
    alone: bool = False
    # The readers of the answer, if the provider distinguishes them. Not part of any request.
    readers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """A parsed answer: results by key, reasons for keys without a result, and dropped parts."""

    stored: dict[str, Json]
    refused: dict[str, str]
    # Keys with an acceptable answer that are worth another try: the answer omits the item although it mentions others,
    # or quotes words that are not in the text.
    doubtful: frozenset[str] = frozenset()
    dropped: Counter[str] = field(default_factory=Counter)


class InsightsTask:
    """Insights: one question per content item; its data is the masked text."""

    name = "insights"
    list_name = "insights"

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt

    def question(self, item: ItemToAnalyse, model: str, parameters: str, shared: bool = False) -> Question:
        """The question about `item`; `shared`: several members have the same text, so it is asked about alone."""
        read = cut_at_boundary(item.text, self.prompt.settings.item_characters)
        seen = mask(read, item.names)
        categories = [mask(category, item.names) for category in item.categories]
        return Question(
            key=cache_key(item.content_hash, model, parameters, self.prompt.version),
            subject=item.content_hash,
            owner=item.member_id,
            data={"text": seen, "categories": categories, "depth_level": item.depth_level},
            text=item.text,
            alone=shared or addresses_a_model(read),
        )

    def request(self, questions: Sequence[Question]) -> tuple[Json, dict[str, Question]]:
        """`{"posts": [..]}` with ids that are local to this request."""
        asked = {f"p{number}": question for number, question in enumerate(questions, start=1)}
        return {"posts": [{"id": post_id, **question.data} for post_id, question in asked.items()]}, asked

    def read(self, entries: list[Any], asked: Mapping[str, Question]) -> Reading:
        """Valid insights per question; a question with only malformed insights is refused."""
        read, elsewhere = answer_parsing.read_insights(entries, {post_id: q.text for post_id, q in asked.items()})
        stored: dict[str, Json] = {}
        refused: dict[str, str] = {}
        doubtful = set()
        for post_id, answer in read.items():
            key = asked[post_id].key
            if not answer.insights and (malformed := answer.dropped - answer.dropped_by_rule):
                refused[key] = f"no valid insight ({malformed.most_common(1)[0][0]})"
                continue
            stored[key] = {"insights": [dict(vars(i)) for i in answer.insights], "dropped": dict(answer.dropped)}
            left_out = answer.silent and bool(entries) and len(asked[post_id].text) >= MIN_INFORMATIVE_CHARACTERS
            if left_out or (answer.dropped and not answer.insights):
                doubtful.add(key)
        return Reading(stored, refused, frozenset(doubtful), elsewhere)


class PreviewsTask:
    """Previews: one question per pair, with a few approved insights of each side and common attributes."""

    name = "previews"
    list_name = "previews"

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt

    def question(self, pair: PairToPreview, model: str, parameters: str) -> Question:
        """The question about `pair`; pairs with the same data share a key."""
        a, b = shown_insights(pair)
        data = {
            "a": {"insights": [_shown(insight) for insight in a]},
            "b": {"insights": [_shown(insight) for insight in b]},
            "common_ground": [mask(fact) for fact in pair.common_ground],
        }
        return _pair_question(data, model, parameters, self.prompt)

    def request(self, questions: Sequence[Question]) -> tuple[Json, dict[str, Question]]:
        """`{"pairs": [..]}` with ids that are local to this request."""
        return _pairs_request(questions)

    def read(self, entries: list[Any], asked: Mapping[str, Question]) -> Reading:
        """The starters per question, or why they are unusable."""
        read = answer_parsing.read_previews(entries, set(asked))
        stored = {asked[i].key: preview for i, preview in read.items() if not isinstance(preview, str)}
        refused = {asked[i].key: reason for i, reason in read.items() if isinstance(reason, str)}
        return Reading(stored, refused)


class ReviewsTask:
    """Reviews: one question per pair, with approved insights of each side, in an order that reveals nothing."""

    name = "review"
    list_name = "reviews"

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt

    def question(self, pair: PairToReview, model: str, parameters: str) -> Question:
        """The question about `pair`; the sides are ordered by their content, never by their identity."""
        first, second = sorted(([_said(insight) for insight in side] for side in (pair.a, pair.b)), key=hash_of)
        data = {"a": first, "b": second}
        return _pair_question(data, model, parameters, self.prompt)

    def request(self, questions: Sequence[Question]) -> tuple[Json, dict[str, Question]]:
        """`{"pairs": [..]}` with ids that are local to this request."""
        return _pairs_request(questions)

    def read(self, entries: list[Any], asked: Mapping[str, Question]) -> Reading:
        """The fit per question, or the reason why there is none."""
        read = answer_parsing.read_reviews(entries, set(asked))
        stored: dict[str, Json] = {asked[i].key: {"fit": fit} for i, fit in read.items() if isinstance(fit, int)}
        refused = {asked[i].key: reason for i, reason in read.items() if isinstance(reason, str)}
        return Reading(stored, refused)


Task = InsightsTask | PreviewsTask | ReviewsTask


def _pair_question(data: Json, model: str, parameters: str, prompt: Prompt) -> Question:
    """The question with `data` of a pair; a pair whose texts address a model is asked about alone."""
    subject = hash_of(data)
    alone = addresses_a_model(" ".join(_texts(data)))
    return Question(cache_key(subject, model, parameters, prompt.version), subject, None, data, alone=alone)


def _pairs_request(questions: Sequence[Question]) -> tuple[Json, dict[str, Question]]:
    asked = {f"m{number}": question for number, question in enumerate(questions, start=1)}
    return {"pairs": [{"id": pair_id, **question.data} for pair_id, question in asked.items()]}, asked


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def insights_of(stored: Json) -> tuple[Insight, ...]:
    """The insights of a stored answer that may be shown; the answer may be older than a rule."""
    read = (Insight(**insight) for insight in stored["insights"])
    shown = (replace(one, title=plain(one.title), description=plain(one.description)) for one in read)
    usable = [one for one in shown if is_plain(one.title) and is_plain(one.description) and one.title]
    return tuple(usable[: answer_parsing.MAX_INSIGHTS])


def shown_insights(pair: PairToPreview) -> tuple[tuple[SharedInsight, ...], tuple[SharedInsight, ...]]:
    """The few insights of each side that a preview is based on: similar ones first, then the rest by id.

    Similarity of two insights: the number of common words of their titles, plus a half for the same category.
    """

    def best(own: Sequence[SharedInsight], others: Sequence[SharedInsight]) -> tuple[SharedInsight, ...]:
        read = {(_words(other.title), other.category) for other in others}

        def likeness(insight: SharedInsight) -> float:
            words = _words(insight.title)
            return max((len(words & theirs) + 0.5 * (insight.category == c) for theirs, c in read), default=0)

        ranked = sorted(own, key=lambda insight: (-likeness(insight), insight.title, insight.insight_id))
        distinct = {insight.title.casefold(): insight for insight in reversed(ranked)}
        return tuple(insight for insight in ranked if distinct[insight.title.casefold()] is insight)[:INSIGHTS_A_SIDE]

    return best(pair.a, pair.b), best(pair.b, pair.a)


def insights_used(stored: Json, pair: PairToPreview) -> tuple[str, ...]:
    """The ids of the insights that stored starters refer to; all shown insights if they refer to none."""
    sides = zip(("a", "b"), shown_insights(pair), strict=True)
    by_reference = {f"{side}{i}": insight.insight_id for side, shown in sides for i, insight in enumerate(shown)}
    references = stored.get("insights_used")
    if references is None:
        return tuple(by_reference.values())
    return tuple(by_reference[reference] for reference in references if reference in by_reference)


def _shown(insight: SharedInsight) -> Json:
    # Titles suffice; descriptions would double the price of a preview.
    return {"category": insight.category, "title": mask(insight.title, insight.names)}


def _said(insight: SharedInsight) -> Json:
    return {**_shown(insight), "description": mask(insight.description, insight.names)}


# A pair compares every title of one side with every title of the other, and members share titles.
@lru_cache(maxsize=65_536)
def _words(title: str) -> frozenset[str]:
    return frozenset(word for word in re.findall(r"\w+", title.casefold()) if len(word) > 3)
