"""OpenAI, or whatever speaks its protocol, as a provider."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.adaptive_limiter import Pacer
from matchme_pipeline.llm.execution.batch_run import BatchRun
from matchme_pipeline.llm.execution.batch_work import ChatWork, EmbeddingWork
from matchme_pipeline.llm.execution.budget_cover import Budget
from matchme_pipeline.llm.execution.event_loop_thread import Committer, LoopThread
from matchme_pipeline.llm.execution.request_sender import Door
from matchme_pipeline.llm.execution.shared_rate_window import SharedMinute
from matchme_pipeline.llm.openai.batch_api import BatchApi
from matchme_pipeline.llm.openai.chat import ChatRun
from matchme_pipeline.llm.openai.client import ApiClient
from matchme_pipeline.llm.openai.embeddings import EmbeddingRun
from matchme_pipeline.llm.openai.error_mapping import (
    RefusedRequestError,
    RetryableError,
    UnsupportedParameterError,
)
from matchme_pipeline.llm.openai.model_shutdowns import log, shutdown_warnings, wanted_models
from matchme_pipeline.llm.prices import ModelEntry, load_prices
from matchme_pipeline.llm.provider import Answered, Embedded, Unanswered
from matchme_pipeline.llm.store.batch_queries import Batch, open_batches
from matchme_pipeline.llm.store.ledger import Ledger
from matchme_pipeline.llm.tasks.questions import Question, ReviewsTask, Task
from matchme_pipeline.settings import Settings


class OpenAIProvider:
    """Asks over the network, in a loop of its own; `close` it. Raises ConfigurationError before anything is spent."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._prices = load_prices(settings.prices_file)
        self._chat = self._prices.entry(settings.insight_model, "chat")
        self._embedding = self._prices.entry(settings.embedding_model, "embedding")
        review_model = settings.review_model or settings.insight_model
        self._review = self._prices.entry(review_model, "chat", "MATCHME_REVIEW_MODEL")
        self._client = ApiClient(settings)
        self._loop = LoopThread()
        self._committer = Committer(ledger)
        self._minute = _minute(settings, self._committer)
        self._looked_up = False
        self._doors: dict[str, Door] = {}
        self._budgets: dict[date | None, Budget] = {}

    @property
    def insight_model(self) -> str:
        """The chat model's name."""
        return self._settings.insight_model

    @property
    def embedding_model(self) -> str:
        """The embedding model's name."""
        return self._settings.embedding_model

    @property
    def review_model(self) -> str | None:
        """The name of the chat model that reviews close calls, if one is set."""
        return self._settings.review_model

    @property
    def answers_by_batch(self) -> bool:
        """Whether questions and texts travel by batch."""
        return self._settings.llm_mode == "batch"

    @property
    def parameters(self) -> str:
        """What beside prompt and model decides an answer; where and how fast it is asked does not."""
        return self._chat.parameters

    @property
    def review_parameters(self) -> str:
        """The same of the model that reviews."""
        return self._review.parameters

    def ask(self, task: Task, questions: Sequence[Question], context: CallContext) -> Iterator[Answered | Unanswered]:
        """Answers to `questions`, as they come in."""

        async def produce(emit: Callable[[Answered | Unanswered], None]) -> None:
            await self._look_up_models()
            reviews = isinstance(task, ReviewsTask) and self.review_model is not None
            model, entry = (self.review_model, self._review) if reviews else (self.insight_model, self._chat)
            assert model is not None
            door, budget = self._door(model, entry), self._budget(context.week)
            left = questions
            await self._warn_of_open_batches(model, context)
            if self.answers_by_batch:
                by_key = {question.key: question for question in questions}
                work = ChatWork(model, entry, self._prices, task, context, by_key)
                left = [by_key[key] for key in await self._batch_run(context, emit).answer(work, list(by_key))]
            run = ChatRun(door, self._committer, budget, self._prices, task, context, emit)
            await run.answer(left, self._settings.llm_concurrency)

        return self._loop.stream(produce)

    def embed(self, texts: Mapping[str, str], context: CallContext) -> Iterator[Embedded | Unanswered]:
        """Vectors of `texts`, as they come in."""

        async def produce(emit: Callable[[Embedded | Unanswered], None]) -> None:
            await self._look_up_models()
            door, budget = self._door(self.embedding_model, self._embedding), self._budget(context.week)
            left = texts
            await self._warn_of_open_batches(self.embedding_model, context)
            if self.answers_by_batch:
                wordy = {key: text for key, text in texts.items() if text.strip()}
                work = EmbeddingWork(self.embedding_model, self._embedding, self._prices, context, wordy)
                open_keys = set(await self._batch_run(context, emit).answer(work, list(wordy)))
                left = {key: text for key, text in texts.items() if key in open_keys or key not in wordy}
            run = EmbeddingRun(door, self._committer, budget, self._prices, context, emit)
            await run.embed(left, self._settings.llm_concurrency, self._settings.llm_tokens_per_minute)

        return self._loop.stream(produce)

    def close(self) -> None:
        """Close connections and threads, and give back what is held of the budget."""
        self._loop.run(self._client.close())
        self._committer.close()
        self._loop.close()
        for budget in self._budgets.values():
            with suppress(Exception):
                self._ledger.release(budget.holder)
        with suppress(Exception):
            self._ledger.watch_thresholds()

    def _batch_run(self, context: CallContext, emit: Callable[[Any], None]) -> BatchRun:
        api = BatchApi(self._client)
        return BatchRun(api, self._committer, self._ledger, self._settings.weekly_budget_usd, context, emit)

    async def _look_up_models(self) -> None:
        """Warn, once a session, of a model that is about to be shut down."""
        if self._looked_up:
            return
        self._looked_up = True
        # A server that offers no list is asked all the same; what is wrong shows in its first answer.
        with suppress(RetryableError, RefusedRequestError, UnsupportedParameterError, ModelRequestError):
            listed = await self._client.models()
            for warning in shutdown_warnings(listed, wanted_models(self._settings), datetime.now(UTC).date()):
                log.warning(warning)

    async def _warn_of_open_batches(self, model: str, context: CallContext) -> None:
        """Warn of what the ordinary way would pay a second time."""
        if self.answers_by_batch:
            return

        def look(connection: Connection) -> list[Batch]:
            return open_batches(connection, model, context.stage, context.week)

        if await self._committer.run(self._ledger.transact, look):
            log.warning(
                "A batch of %s for week %s is not read yet: what it answers will be paid twice. "
                "Set MATCHME_LLM_MODE=batch to read it first.",
                context.stage,
                context.week,
            )

    def _door(self, model: str, entry: ModelEntry) -> Door:
        if model not in self._doors:
            self._doors[model] = Door(
                model,
                entry,
                "standard" if self._settings.llm_mode == "batch" else self._settings.llm_mode,
                self._client.chat if entry.kind == "chat" else self._client.embeddings,
                Pacer(self._settings.llm_concurrency, self._minute),
            )
        return self._doors[model]

    def _budget(self, week: date | None) -> Budget:
        if week not in self._budgets:
            limit = self._settings.weekly_budget_usd
            self._budgets[week] = Budget(limit, week, self._ledger, partial(self._committer.run))
        self._committer.holder = self._budgets[week].holder if self._settings.weekly_budget_usd is not None else None
        return self._budgets[week]


def _minute(settings: Settings, committer: Committer) -> SharedMinute | None:
    requests, tokens = settings.llm_requests_per_minute, settings.llm_tokens_per_minute
    return SharedMinute(requests, tokens, committer.transact) if requests or tokens else None
