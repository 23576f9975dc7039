"""Answers over the network: each model's questions go to the provider that the price file names for it."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ConfigurationError, ModelRequestError
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.adaptive_limiter import AdaptiveLimiter
from matchme_pipeline.llm.execution.batch_run import BatchRun
from matchme_pipeline.llm.execution.batch_work import EmbeddingWork, QuestionWork
from matchme_pipeline.llm.execution.billing import booked_call
from matchme_pipeline.llm.execution.budget_cover import Budget
from matchme_pipeline.llm.execution.circuit_breaker import OutageTimer
from matchme_pipeline.llm.execution.embedding_run import EmbeddingRun
from matchme_pipeline.llm.execution.event_loop_thread import EventLoopThread
from matchme_pipeline.llm.execution.exchange import RefusedRequestError, RetryableError, UnsupportedParameterError
from matchme_pipeline.llm.execution.group_commit import GroupCommit
from matchme_pipeline.llm.execution.model_shutdowns import shutdown_warnings
from matchme_pipeline.llm.execution.question_run import QuestionRun
from matchme_pipeline.llm.execution.request_sender import RequestSender
from matchme_pipeline.llm.execution.shared_rate_window import SharedRateWindow
from matchme_pipeline.llm.execution.wire_format import ChatFormat, EmbeddingFormat, ProviderApi
from matchme_pipeline.llm.prices import ModelEntry, load_prices
from matchme_pipeline.llm.provider import Answered, Embedded, Unanswered
from matchme_pipeline.llm.store.batch_queries import Batch, open_batches
from matchme_pipeline.llm.store.ledger import Ledger
from matchme_pipeline.llm.tasks.questions import Question, ReviewsTask, Task
from matchme_pipeline.settings import Settings

log = logging.getLogger("matchme_pipeline.llm")


@dataclass(frozen=True)
class _Account:
    """One provider's account: its API, and its limits a minute over all models and processes."""

    api: ProviderApi
    window: SharedRateWindow | None


class NetworkProvider:
    """Implements llm.provider.Provider over the providers' APIs, in its own event loop; call `close` at the end."""

    def __init__(self, settings: Settings, ledger: Ledger, open_api: Callable[[str], ProviderApi]) -> None:
        """`open_api` opens the API of a provider by its name.

        Raises ConfigurationError for a model without a price or a missing key, before anything is spent.
        """
        self._settings = settings
        self._ledger = ledger
        self._prices = load_prices(settings.prices_file)
        chat = self._prices.entry(settings.insight_model, "chat")
        embedding = self._prices.entry(settings.embedding_model, "embedding")
        review_model = settings.review_model or settings.insight_model
        review = self._prices.entry(review_model, "chat", "MATCHME_REVIEW_MODEL")
        self._entries = {settings.insight_model: chat, settings.embedding_model: embedding, review_model: review}
        apis = {name: open_api(name) for name in dict.fromkeys(entry.provider for entry in self._entries.values())}
        self._embedding_format = _embedding_format(apis[embedding.provider], settings.embedding_model)
        self._loop = EventLoopThread()
        self._group_commit = GroupCommit(ledger)
        self._accounts = {name: _Account(api, self._window(api)) for name, api in apis.items()}
        self._looked_up = False
        self._senders: dict[str, RequestSender] = {}
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
        """Whether questions and texts are sent by batch."""
        return self._settings.llm_mode == "batch"

    @property
    def parameters(self) -> str:
        """Everything beside prompt and model that affects an answer; not address and speed."""
        return self._entries[self.insight_model].parameters

    @property
    def review_parameters(self) -> str:
        """The same for the model that reviews."""
        return self._entries[self.review_model or self.insight_model].parameters

    def ask(self, task: Task, questions: Sequence[Question], context: CallContext) -> Iterator[Answered | Unanswered]:
        """Answers to `questions`, as they arrive."""
        model = (self.review_model if isinstance(task, ReviewsTask) else None) or self.insight_model
        entry = self._entries[model]
        chat_format = self._accounts[entry.provider].api.chat_format

        async def produce(emit: Callable[[Answered | Unanswered], None]) -> None:
            async with self._stop_recorded(model, entry, context, len(questions)):
                await self._look_up_models()
                sender, budget = self._sender(model, entry, chat_format), self._budget(context.week)
                left = questions
                await self._warn_of_open_batches(model, context)
                if self.answers_by_batch:
                    by_key = {question.key: question for question in questions}
                    work = QuestionWork(model, entry, self._prices, chat_format, task, context, by_key)
                    open_keys = await self._batch_run(entry, context, emit).answer(work, list(by_key))
                    left = [by_key[key] for key in open_keys]
                run = QuestionRun(sender, chat_format, self._group_commit, budget, self._prices, task, context, emit)
                await run.answer(left, self._settings.llm_concurrency)

        return self._loop.stream(produce)

    def embed(self, texts: Mapping[str, str], context: CallContext) -> Iterator[Embedded | Unanswered]:
        """Vectors of `texts`, as they arrive."""
        model, wire_format = self.embedding_model, self._embedding_format
        entry = self._entries[model]

        async def produce(emit: Callable[[Embedded | Unanswered], None]) -> None:
            async with self._stop_recorded(model, entry, context, len(texts)):
                await self._look_up_models()
                sender, budget = self._sender(model, entry, wire_format), self._budget(context.week)
                left = texts
                await self._warn_of_open_batches(model, context)
                if self.answers_by_batch:
                    wordy = {key: text for key, text in texts.items() if text.strip()}
                    work = EmbeddingWork(model, entry, self._prices, wire_format, context, wordy)
                    open_keys = set(await self._batch_run(entry, context, emit).answer(work, list(wordy)))
                    left = {key: text for key, text in texts.items() if key in open_keys or key not in wordy}
                run = EmbeddingRun(sender, wire_format, self._group_commit, budget, self._prices, context, emit)
                limits = self._accounts[entry.provider].api.rate_limits(self._settings)
                await run.embed(left, self._settings.llm_concurrency, limits.tokens)

        return self._loop.stream(produce)

    def close(self) -> None:
        """Close connections and threads, and release reservations."""
        for account in self._accounts.values():
            self._loop.run(account.api.close())
        self._group_commit.close()
        self._loop.close()
        for budget in self._budgets.values():
            with suppress(Exception):
                self._ledger.release(budget.holder)
        with suppress(Exception):
            self._ledger.watch_thresholds()

    @asynccontextmanager
    async def _stop_recorded(
        self, model: str, entry: ModelEntry, context: CallContext, items: int
    ) -> AsyncIterator[None]:
        """Record in the ledger that the server ended a stage, also where no request was given up before."""
        try:
            yield
        except ModelRequestError:
            mode = entry.mode_for(self._settings.llm_mode)
            call = booked_call(context, model, entry, mode, self._prices.version, "failed_stopped", items)
            await self._group_commit.commit([call])
            raise

    def _batch_run(self, entry: ModelEntry, context: CallContext, emit: Callable[[Any], None]) -> BatchRun:
        batches = self._accounts[entry.provider].api.batches
        budget_usd, outage_timer = self._settings.weekly_budget_usd, self._outage_timer()
        return BatchRun(batches, self._group_commit, self._ledger, budget_usd, context, emit, outage_timer)

    def _outage_timer(self) -> OutageTimer:
        return OutageTimer(60 * self._settings.llm_outage_minutes)

    async def _look_up_models(self) -> None:
        """Warn, once per session, of models that will shut down soon."""
        if self._looked_up:
            return
        self._looked_up = True
        for name, account in self._accounts.items():
            wanted = [model for model, entry in self._entries.items() if entry.provider == name]
            # Without the list the run continues; an unknown model fails at the first request.
            with suppress(RetryableError, RefusedRequestError, UnsupportedParameterError, ModelRequestError):
                listed = await account.api.models()
                for warning in shutdown_warnings(listed, wanted, datetime.now(UTC).date()):
                    log.warning(warning)

    async def _warn_of_open_batches(self, model: str, context: CallContext) -> None:
        """Warn of unread batches: single requests pay for their questions again."""
        if self.answers_by_batch:
            return

        def read(connection: Connection) -> list[Batch]:
            return open_batches(connection, model, context.stage, context.week)

        if await self._group_commit.transact(read):
            log.warning(
                "A batch of %s for week %s is not read yet, so its questions are paid twice. "
                "Set MATCHME_LLM_MODE=batch to read it first.",
                context.stage,
                context.week,
            )

    def _sender(self, model: str, entry: ModelEntry, wire_format: ChatFormat | EmbeddingFormat) -> RequestSender:
        if model not in self._senders:
            account = self._accounts[entry.provider]
            self._senders[model] = RequestSender(
                model,
                entry,
                "standard" if self._settings.llm_mode == "batch" else self._settings.llm_mode,
                account.api.chat if entry.kind == "chat" else account.api.embeddings,
                wire_format.usage,
                account.api.fallbacks,
                AdaptiveLimiter(self._settings.llm_concurrency, account.window),
                self._outage_timer(),
            )
        return self._senders[model]

    def _budget(self, week: date | None) -> Budget:
        if week not in self._budgets:
            limit = self._settings.weekly_budget_usd
            self._budgets[week] = Budget(limit, week, self._ledger, partial(self._group_commit.run))
        holder = self._budgets[week].holder if self._settings.weekly_budget_usd is not None else None
        self._group_commit.holder = holder
        return self._budgets[week]

    def _window(self, api: ProviderApi) -> SharedRateWindow | None:
        limits = api.rate_limits(self._settings)
        if limits.requests is None and limits.tokens is None:
            return None
        return SharedRateWindow(api.name, limits.requests, limits.tokens, self._group_commit.transact)


def _embedding_format(api: ProviderApi, model: str) -> EmbeddingFormat:
    if api.embedding_format is None:
        raise ConfigurationError(
            f"MATCHME_EMBEDDING_MODEL: '{model}' is a model of {api.name}, which offers no vectors. "
            "Choose another one, or correct its provider in the price file."
        )
    return api.embedding_format
