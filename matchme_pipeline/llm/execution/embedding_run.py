"""Embeds one stage's texts, many to a request, within the provider's limits on items and tokens."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import VECTOR_DIMENSIONS
from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.billing import billed_usage, booked_call
from matchme_pipeline.llm.execution.budget_cover import Budget
from matchme_pipeline.llm.execution.exchange import RefusedRequestError
from matchme_pipeline.llm.execution.group_commit import GroupCommit
from matchme_pipeline.llm.execution.in_flight_claims import LOOK_SECONDS, InFlightClaims
from matchme_pipeline.llm.execution.request_sender import Delivery, GaveUpError, RequestSender
from matchme_pipeline.llm.execution.wire_format import EmbeddingFormat, EmbeddingLimits
from matchme_pipeline.llm.execution.worker_pool import WorkerPool
from matchme_pipeline.llm.prices import PriceTable
from matchme_pipeline.llm.provider import Embedded, Unanswered
from matchme_pipeline.llm.store import answer_queries
from matchme_pipeline.llm.store.records import Call, StoredVector
from matchme_pipeline.llm.tasks.packing import pack_texts
from matchme_pipeline.llm.text.contact_masking import mask
from matchme_pipeline.llm.text.sentences import cut_at_boundary
from matchme_pipeline.llm.text.token_estimates import estimated_tokens, most_tokens

# Paid tries of one text within one job.
MOST_PAID_TRIES = 6
# So many answers whose vectors all have another length, and none that fits: the model has another length.
MISFITS_BEFORE_STOP = 2


@dataclass(frozen=True)
class TextPack:
    """Texts of one request, how often they have been asked for, and whether the API has refused them once."""

    texts: tuple[tuple[str, str], ...]
    asked: int = 0
    refused: bool = False


class EmbeddingRun:
    """One stage's texts to one embedding model."""

    def __init__(
        self,
        sender: RequestSender,
        embedding_format: EmbeddingFormat,
        group_commit: GroupCommit,
        budget: Budget,
        prices: PriceTable,
        context: CallContext,
        emit: Callable[[Embedded | Unanswered], None],
    ) -> None:
        self._sender = sender
        self._format = embedding_format
        self._group_commit = group_commit
        self._budget = budget
        self._prices = prices
        self._context = context
        self._emit = emit
        self._stopping = asyncio.Event()
        self._fitted, self._misfits = False, 0
        self._claims = InFlightClaims(group_commit)
        self._pool: WorkerPool[TextPack]

    async def embed(self, texts: Mapping[str, str], workers: int, tokens_per_minute: int | None = None) -> None:
        """Emit exactly one outcome for each of `texts`, each committed before it is emitted."""
        for key, text in texts.items():
            if not text.strip():
                self._emit(Unanswered(key, "no words to embed", retryable=False))
        packs = [TextPack(tuple(pack)) for pack in packed(texts, self._format.limits, tokens_per_minute)]
        self._pool = WorkerPool(packs, self._ask, self._stopping)
        # Two for one request: it may be halved.
        await self._pool.finish(min(workers, max(2, len(packs))))

    async def _ask(self, pack: TextPack) -> None:
        """Ask for vectors that are not stored yet and that no other worker is asking for."""
        model = self._sender.model
        name_of = {key: f"{model} {key}" for key, _ in pack.texts}

        def stored(connection: Connection, _: Sequence[str]) -> dict[str, NDArray[np.float32]]:
            found = answer_queries.stored_vectors(connection, model, list(name_of))
            return {name_of[key]: vector for key, vector in found.items()}

        taken, known = await self._claims.take(name_of.values(), stored)
        for key, name in name_of.items():
            if name in known:
                self._emit(Embedded(key, known[name]))
        mine = tuple(text for text in pack.texts if name_of[text[0]] in taken)
        elsewhere = tuple(t for t in pack.texts if name_of[t[0]] not in taken and name_of[t[0]] not in known)
        if mine:
            async with self._claims.held(taken):
                await self._send(replace(pack, texts=mine))
        if elsewhere:
            if not mine:
                await asyncio.sleep(LOOK_SECONDS)
            self._pool.add_last(replace(pack, texts=elsewhere))

    async def _send(self, pack: TextPack) -> None:
        body = self._format.body(self._sender.model, self._sender.entry, [text for _, text in pack.texts])
        tokens = sum(most_tokens(text) for _, text in pack.texts)
        try:
            delivery = await self._sender.send(body, tokens, 0, self._budget, self._stopping)
        except RefusedRequestError as error:
            await self._split_or_fail(pack, error)
            return
        except GaveUpError as error:
            await self._group_commit.commit([self._unanswered_call(pack, f"failed_{error.kind}", error.tries)])
            if len(pack.texts) > 1 and not self._stopping.is_set():
                # One text that the server cannot bear must not keep the others of its request from their vectors. Both
                # halves come before their own halves, so that the one that is answered tells this from an outage.
                for half in _halves(pack):
                    self._pool.add_last(half)
                return
            self._fail(pack, f"no answer after {error.tries} tries ({error.kind})")
            return
        await self._book(pack, delivery)

    async def _book(self, pack: TextPack, delivery: Delivery) -> None:
        received = self._format.vectors(delivery.reply.data, len(pack.texts))
        found = fitting(received)
        call = self._answered_call(pack, delivery, outcome_of(found, len(pack.texts)))
        vectors = [StoredVector(pack.texts[i][0], self._sender.model, found[i], call.id) for i in sorted(found)]
        try:
            await self._group_commit.commit([call], vectors=vectors)
        finally:
            await self._budget.settle(delivery.cover_usd, call.cost_usd)
        self._count_misfits(received, found)
        for vector in vectors:
            self._emit(Embedded(vector.content_hash, vector.vector))
        rest = TextPack(tuple(text for i, text in enumerate(pack.texts) if i not in found), pack.asked + 1)
        if rest.texts and rest.asked >= MOST_PAID_TRIES:
            self._fail(rest, f"no usable vector in {MOST_PAID_TRIES} tries")
        elif rest.texts:
            self._pool.add([rest])

    def _count_misfits(self, received: Mapping[int, NDArray[np.float32]], found: Mapping[int, Any]) -> None:
        """Stop before every text is paid for in vain: a stray answer may have another length, a model has one."""
        self._fitted = self._fitted or bool(found)
        self._misfits += bool(received) and not found
        if not self._fitted and self._misfits >= MISFITS_BEFORE_STOP:
            length = next(iter(received.values())).shape[0]
            raise ModelRequestError(
                f"The model '{self._sender.model}' gives vectors of {length} dimensions; {VECTOR_DIMENSIONS} are "
                "needed. Choose another one in MATCHME_EMBEDDING_MODEL."
            )

    async def _split_or_fail(self, pack: TextPack, error: RefusedRequestError) -> None:
        if len(pack.texts) > 1:
            self._pool.add(_halves(pack))
            return
        if not pack.refused:
            self._pool.add_last(replace(pack, refused=True))
            return
        await self._group_commit.commit([self._unanswered_call(pack, f"refused_{error.kind}")])
        self._fail(pack, f"the API refuses the text ({error.kind})", retryable=False)

    def _fail(self, pack: TextPack, error: str, *, retryable: bool = True) -> None:
        for key, _ in pack.texts:
            self._emit(Unanswered(key, error, retryable))

    def _answered_call(self, pack: TextPack, delivery: Delivery, outcome: str) -> Call:
        sender = self._sender
        return booked_call(
            self._context, sender.model, sender.entry, sender.mode, self._prices.version, outcome, len(pack.texts),
            reply=delivery.reply,
            usage=billed_usage(self._format.usage(delivery.reply.data or {}), "", delivery.request_bytes),
            request_bytes=delivery.request_bytes,
            tries=delivery.tries,
        )  # fmt: skip

    def _unanswered_call(self, pack: TextPack, outcome: str, tries: int = 1) -> Call:
        sender = self._sender
        return booked_call(
            self._context, sender.model, sender.entry, sender.mode, self._prices.version, outcome, len(pack.texts),
            tries=tries,
        )  # fmt: skip


def packed(
    texts: Mapping[str, str], limits: EmbeddingLimits, tokens_per_minute: int | None = None
) -> list[list[tuple[str, str]]]:
    """The requests for `texts`: without contacts, none too long, blank texts left out.

    A request fits into a minute of `tokens_per_minute` even where a text is twice as many tokens as is likely.
    """
    ready = [(key, within_limit(mask(text), limits.input_tokens)) for key, text in texts.items() if text.strip()]
    most = limits.request_tokens if tokens_per_minute is None else min(limits.request_tokens, tokens_per_minute // 2)
    return pack_texts(ready, limits.inputs, most)


def within_limit(text: str, most: int) -> str:
    """`text`, cut at a sentence's or word's end where it may have more than `most` tokens."""
    while (tokens := max(most_tokens(text), estimated_tokens(text))) > most:
        text = cut_at_boundary(text, max(1, len(text) * most // (tokens + 1)))
    return text


def fitting(vectors: Mapping[int, NDArray[np.float32]]) -> dict[int, NDArray[np.float32]]:
    """Those of `vectors` that have the length of our own."""
    return {i: vector for i, vector in vectors.items() if vector.shape[0] == VECTOR_DIMENSIONS}


def outcome_of(found: Mapping[int, Any], asked: int) -> str:
    """The ledger's word for an answer that brought `found` of `asked` vectors."""
    return "ok" if len(found) == asked else "partial" if found else "unreadable"


def _halves(pack: TextPack) -> list[TextPack]:
    middle = len(pack.texts) // 2
    return [TextPack(part, pack.asked) for part in (pack.texts[:middle], pack.texts[middle:])]
