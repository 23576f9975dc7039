"""Estimates the cost of a week's model calls offline: builds the real requests but does not send them.

Tokens are bytes times the ledger's ratio for the stage and model, or bytes / 4 without a ledger. The length of answers
comes from the ledger, or from the prompts.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.llm.contracts import ItemToAnalyse, PairToPreview, PairToReview
from matchme_pipeline.llm.execution.wire_format import RateLimits
from matchme_pipeline.llm.gateway import first_of_each_key, insight_questions
from matchme_pipeline.llm.prices import Mode, ModelEntry, TokenUsage, load_prices
from matchme_pipeline.llm.providers import provider_api
from matchme_pipeline.llm.store import answer_queries, batch_queries, ledger_queries
from matchme_pipeline.llm.tasks.packing import pack_questions
from matchme_pipeline.llm.tasks.prompt_files import load_prompt
from matchme_pipeline.llm.tasks.questions import InsightsTask, PreviewsTask, Question, ReviewsTask, Task
from matchme_pipeline.llm.text.token_estimates import certain_tokens, estimated_tokens
from matchme_pipeline.settings import Settings

# Defaults without a ledger: tokens of an answer (one or two insights a post, four starters a pair), seconds of a call,
# and seconds of a batch, which usually takes less than an hour and at most a day.
OUTPUT_TOKENS_A_POST, OUTPUT_TOKENS_A_PAIR, OUTPUT_TOKENS_A_REVIEW = 68, 66, 10
SECONDS_A_CALL, SECONDS_A_BATCH = 2.0, 3_600.0
LOCAL_ITEMS_A_SECOND = 800

Json = dict[str, Any]


@dataclass(frozen=True)
class StageEstimate:
    """One stage's expected calls, tokens, USD and duration; `reused`: items with a stored answer."""

    stage: str
    model: str
    items: int
    reused: int
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    seconds: float


def estimate_insights(
    connection: Connection, settings: Settings, items: Sequence[ItemToAnalyse], stage: str = "content_insights"
) -> StageEstimate:
    """Estimate insights for `items`."""
    if settings.provider == "local":
        return _free(stage, len(items))
    entry = load_prices(settings.prices_file).entry(settings.insight_model, "chat")
    task = InsightsTask(load_prompt("insights"))
    questions = insight_questions(task, items, settings.insight_model, entry.parameters)
    return _asked(connection, settings, entry, task, questions, stage, OUTPUT_TOKENS_A_POST)


def estimate_previews(
    connection: Connection, settings: Settings, pairs: Sequence[PairToPreview], stage: str = "chaichat_previews"
) -> StageEstimate:
    """Estimate previews of `pairs`."""
    if settings.provider == "local":
        return _free(stage, len(pairs))
    entry = load_prices(settings.prices_file).entry(settings.insight_model, "chat")
    task = PreviewsTask(load_prompt("previews"))
    questions = [task.question(pair, settings.insight_model, entry.parameters) for pair in pairs]
    return _asked(connection, settings, entry, task, questions, stage, OUTPUT_TOKENS_A_PAIR)


def estimate_reviews(
    connection: Connection, settings: Settings, pairs: Sequence[PairToReview], stage: str = "weekly_matches"
) -> StageEstimate:
    """Estimate reviews of `pairs`; raises ValueError without a review model."""
    model = settings.review_model
    if model is None:
        raise ValueError("no model reviews: MATCHME_REVIEW_MODEL is unset")
    entry = load_prices(settings.prices_file).entry(model, "chat", "MATCHME_REVIEW_MODEL")
    task = ReviewsTask(load_prompt("review"))
    questions = [task.question(pair, model, entry.parameters) for pair in pairs]
    return _asked(connection, settings, entry, task, questions, stage, OUTPUT_TOKENS_A_REVIEW, model)


def estimate_embeddings(
    connection: Connection, settings: Settings, texts: Mapping[str, str], stage: str
) -> StageEstimate:
    """Estimate vectors for `texts`, by content hash."""
    if settings.provider == "local":
        return _free(stage, len(texts))
    from matchme_pipeline.llm.execution.embedding_run import packed

    entry = load_prices(settings.prices_file).entry(settings.embedding_model, "embedding")
    wire_format = provider_api(entry.provider).embedding_format
    if wire_format is None:
        raise ConfigurationError(
            f"MATCHME_EMBEDDING_MODEL: {entry.provider} offers no vectors. Choose a model of another provider."
        )
    stored = answer_queries.hashes_with_vector(connection, settings.embedding_model, texts)
    unembedded = {key: text for key, text in texts.items() if key not in stored}
    packs = packed(unembedded, wire_format.limits, _rate_limits(settings, entry).tokens)
    known = ledger_queries.experience(connection, stage, settings.embedding_model)
    if known is not None:
        bodies = (wire_format.body(settings.embedding_model, entry, [text for _, text in pack]) for pack in packs)
        tokens = round(_sent_bytes(bodies) * known.input_tokens_a_byte)
    else:
        tokens = sum(estimated_tokens(text) for pack in packs for _, text in pack)
    model = settings.embedding_model
    return _priced(connection, stage, model, settings, entry, len(texts), len(stored), len(packs), tokens, 0, known)


def _asked(
    connection: Connection,
    settings: Settings,
    entry: ModelEntry,
    task: Task,
    questions: Sequence[Question],
    stage: str,
    output_tokens_a_question: int,
    model: str | None = None,
) -> StageEstimate:
    """Estimate the `questions` that have no answer yet."""
    from matchme_pipeline.llm.execution.answer_outcome import answer_limit

    wire_format = provider_api(entry.provider).chat_format
    model = model or settings.insight_model
    distinct = first_of_each_key(questions)
    stored = answer_queries.stored_answers(connection, [question.key for question in distinct])
    missing = [question for question in distinct if question.key not in stored]
    packs = [(task.request(pack)[0], len(pack)) for pack in pack_questions(missing, task.prompt.settings)]
    known = ledger_queries.experience(connection, stage, model)
    if known is not None:
        bodies = (
            wire_format.body(model, entry, settings.llm_mode, task, data, answer_limit(task, number, entry))
            for data, number in packs
        )
        tokens, each = round(_sent_bytes(bodies) * known.input_tokens_a_byte), known.output_tokens_an_item
    else:
        frame = estimated_tokens(task.prompt.instructions) + estimated_tokens(json.dumps(task.prompt.schema))
        tokens = sum(frame + estimated_tokens(json.dumps(data, ensure_ascii=False)) for data, _ in packs)
        each = output_tokens_a_question
    output, reused = round(len(missing) * each), len(questions) - len(missing)
    return _priced(connection, stage, model, settings, entry, len(questions), reused, len(packs), tokens, output, known)


def _priced(
    connection: Connection,
    stage: str,
    model: str,
    settings: Settings,
    entry: ModelEntry,
    items: int,
    reused: int,
    calls: int,
    input_tokens: int,
    output_tokens: int,
    known: ledger_queries.Experience | None,
) -> StageEstimate:
    mode: Mode = entry.mode_for(settings.llm_mode)
    if known is not None:
        calls, input_tokens = round(calls * known.repeats), round(input_tokens * known.repeats)
    cached = round(input_tokens * known.cached_share) if known else 0
    usage = TokenUsage(input_tokens, cached, 0, output_tokens)
    seconds = _seconds(settings, entry, calls, usage, known)
    if mode == "batch" and calls:
        seconds = batch_queries.usual_seconds(connection, stage) or SECONDS_A_BATCH
    cost_usd = entry.price(mode).cost_usd(usage)
    return StageEstimate(stage, model, items, reused, calls, input_tokens, output_tokens, cost_usd, round(seconds, 2))


def _seconds(
    settings: Settings, entry: ModelEntry, calls: int, usage: TokenUsage, known: ledger_queries.Experience | None
) -> float:
    """Rounds of concurrent calls, or the per-minute limits if those take longer."""
    latency = (known.mean_latency_seconds if known else None) or SECONDS_A_CALL
    waves = -(-calls // settings.llm_concurrency) * latency
    limits = _rate_limits(settings, entry)
    by_requests = 60 * calls / limits.requests if limits.requests else 0
    by_tokens = 60 * usage.tokens / limits.tokens if limits.tokens else 0
    return max(waves, by_requests, by_tokens)


def _rate_limits(settings: Settings, entry: ModelEntry) -> RateLimits:
    return provider_api(entry.provider).rate_limits(settings)


def _sent_bytes(bodies: Iterable[Json]) -> int:
    return sum(certain_tokens(json.dumps(body, ensure_ascii=False)) for body in bodies)


def _free(stage: str, items: int) -> StageEstimate:
    calls = -(-items // 1_000)
    return StageEstimate(stage, "local", items, 0, calls, 0, 0, Decimal(0), round(items / LOCAL_ITEMS_A_SECOND, 1))
