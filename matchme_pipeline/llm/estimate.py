"""What a week's model calls would take, counted offline: requests are built as they would be sent, and not sent.

Tokens are bytes times the ratio that the ledger shows for this stage and model, or bytes / 4 before there is any.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm import queries
from matchme_pipeline.llm.contracts import ItemToAnalyse
from matchme_pipeline.llm.gateway import first_of_each_key, insight_questions
from matchme_pipeline.llm.packing import pack_questions
from matchme_pipeline.llm.prices import Mode, ModelEntry, TokenUsage, load_prices
from matchme_pipeline.llm.prompt_files import Prompt, load_prompt
from matchme_pipeline.llm.tasks import InsightsTask
from matchme_pipeline.llm.tokens import certain_tokens, estimated_tokens
from matchme_pipeline.settings import Settings

# Before the ledger knows better: tokens of an answer, and seconds of a call.
OUTPUT_TOKENS_A_POST, OUTPUT_TOKENS_A_PAIR = 60, 95
INPUT_TOKENS_A_PAIR = 80
SECONDS_A_CALL = 2.0
LOCAL_ITEMS_A_SECOND = 800


@dataclass(frozen=True)
class StageEstimate:
    """One stage's expected calls, tokens, USD and duration; `reused`: items whose answers are there already."""

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
    """What insights for `items` would take."""
    if settings.provider == "local":
        return _free(stage, len(items))
    from matchme_pipeline.llm.remote.chat import answer_limit, chat_body

    entry = load_prices(settings.prices_file).entry(settings.insight_model, "chat")
    task = InsightsTask(load_prompt("insights"))
    distinct = first_of_each_key(insight_questions(task, items, settings.insight_model, entry.parameters))
    stored = queries.stored_answers(connection, [question.key for question in distinct])
    missing = [question for question in distinct if question.key not in stored]
    packs = pack_questions(missing, task.prompt.settings)
    bodies = [
        chat_body(
            settings.insight_model, entry, settings.llm_mode, task, task.request(pack)[0], answer_limit(task, len(pack))
        )
        for pack in packs
    ]
    known = queries.experience(connection, stage, settings.insight_model)
    if known is not None:
        sent = sum(certain_tokens(json.dumps(body, ensure_ascii=False)) for body in bodies)
        tokens = round(sent * known.input_tokens / known.request_bytes)
    else:
        tokens = sum(_chat_tokens(task.prompt, body["messages"][1]["content"]) for body in bodies)
    output = round(len(missing) * (known.output_tokens / known.items if known else OUTPUT_TOKENS_A_POST))
    return _priced(stage, settings, entry, len(items), len(items) - len(missing), len(packs), tokens, output, known)


def estimate_previews(
    connection: Connection, settings: Settings, pairs: int, stage: str = "chaichat_previews"
) -> StageEstimate:
    """What starters for so many new pairs would take; who they are is known only once they are matched."""
    if settings.provider == "local":
        return _free(stage, pairs)
    entry = load_prices(settings.prices_file).entry(settings.insight_model, "chat")
    prompt = load_prompt("previews")
    known = queries.experience(connection, stage, settings.insight_model)
    if known is not None:
        calls = round(pairs * known.calls / known.items)
        tokens, output = (round(pairs * n / known.items) for n in (known.input_tokens, known.output_tokens))
    else:
        calls = -(-pairs // prompt.settings.request_items)
        tokens, output = calls * _chat_tokens(prompt, "") + pairs * INPUT_TOKENS_A_PAIR, pairs * OUTPUT_TOKENS_A_PAIR
    return _priced(stage, settings, entry, pairs, 0, calls, tokens, output, known)


def estimate_embeddings(
    connection: Connection, settings: Settings, texts: Mapping[str, str], stage: str
) -> StageEstimate:
    """What vectors for `texts`, by content hash, would take."""
    if settings.provider == "local":
        return _free(stage, len(texts))
    from matchme_pipeline.llm.remote.embeddings import packed

    entry = load_prices(settings.prices_file).entry(settings.embedding_model, "embedding")
    stored = queries.stored_hashes(connection, settings.embedding_model, list(texts))
    packs = packed({key: text for key, text in texts.items() if key not in stored})
    tokens = sum(estimated_tokens(text) for pack in packs for _, text in pack)
    known = queries.experience(connection, stage, settings.embedding_model)
    return _priced(stage, settings, entry, len(texts), len(stored), len(packs), tokens, 0, known)


def _priced(
    stage: str,
    settings: Settings,
    entry: ModelEntry,
    items: int,
    reused: int,
    calls: int,
    input_tokens: int,
    output_tokens: int,
    known: queries.Experience | None,
) -> StageEstimate:
    mode: Mode = entry.mode_for(settings.llm_mode)
    cached = round(input_tokens * known.cached_input_tokens / known.input_tokens) if known else 0
    usage = TokenUsage(input_tokens, cached, 0, output_tokens)
    waves = -(-calls // settings.llm_concurrency)
    seconds = waves * (known.mean_latency_seconds if known else SECONDS_A_CALL)
    model = settings.insight_model if entry.kind == "chat" else settings.embedding_model
    cost_usd = entry.price(mode).cost_usd(usage)
    return StageEstimate(stage, model, items, reused, calls, input_tokens, output_tokens, cost_usd, round(seconds, 1))


def _free(stage: str, items: int) -> StageEstimate:
    calls = -(-items // 1_000)
    return StageEstimate(stage, "local", items, 0, calls, 0, 0, Decimal(0), round(items / LOCAL_ITEMS_A_SECOND, 1))


def _chat_tokens(prompt: Prompt, data: str) -> int:
    return estimated_tokens(prompt.instructions) + estimated_tokens(json.dumps(prompt.schema)) + estimated_tokens(data)
