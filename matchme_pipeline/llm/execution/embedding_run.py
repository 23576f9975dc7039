"""Embeds one stage's texts, many to a request, within the provider's limits on items and tokens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import VECTOR_DIMENSIONS
from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.budget_cover import Budget
from matchme_pipeline.llm.execution.exchange import RefusedRequestError
from matchme_pipeline.llm.execution.group_commit import GroupCommit
from matchme_pipeline.llm.execution.pack_run import Pack, PackRun, halves
from matchme_pipeline.llm.execution.request_sender import Delivery, RequestSender, TriesExhaustedError
from matchme_pipeline.llm.execution.wire_format import EmbeddingFormat, EmbeddingLimits
from matchme_pipeline.llm.prices import PriceTable
from matchme_pipeline.llm.provider import Embedded, Unanswered
from matchme_pipeline.llm.store import answer_queries
from matchme_pipeline.llm.store.records import StoredVector
from matchme_pipeline.llm.tasks.packing import pack_texts
from matchme_pipeline.llm.text.contact_masking import mask
from matchme_pipeline.llm.text.sentences import cut_at_boundary
from matchme_pipeline.llm.text.token_estimates import estimated_tokens, most_tokens

# A text's content hash and the text.
Text = tuple[str, str]
# Paid tries of one text within one job.
MAX_PAID_TRIES = 6
# After this many answers with only vectors of another length, the model itself has another length.
MAX_WRONG_LENGTHS = 2


@dataclass(frozen=True)
class TextPack(Pack[Text]):
    """Texts of one request."""


class EmbeddingRun(PackRun[Text, Embedded, TextPack]):
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
        super().__init__(sender, embedding_format, group_commit, budget, prices, context, emit)
        self._format = embedding_format
        self._fitted, self._wrong_lengths = False, 0

    async def embed(self, texts: Mapping[str, str], workers: int, tokens_per_minute: int | None = None) -> None:
        """Emit exactly one outcome for each of `texts`, each committed before it is emitted."""
        for key, text in texts.items():
            if not text.strip():
                self._emit(Unanswered(key, "no words to embed", retryable=False))
        packs = [TextPack(tuple(pack)) for pack in packed(texts, self._format.limits, tokens_per_minute)]
        # Two for one request: it may be halved.
        await self._finish(packs, min(workers, max(2, len(packs))))

    def _claim_name(self, item: Text) -> str:
        return f"{self._sender.model} {item[0]}"

    def _find_stored(self, connection: Connection, items: Sequence[Text]) -> dict[str, Embedded]:
        hash_of = {self._claim_name(item): item[0] for item in items}
        found = answer_queries.stored_vectors(connection, self._sender.model, list(hash_of.values()))
        return {name: Embedded(key, found[key]) for name, key in hash_of.items() if key in found}

    async def _send(self, pack: TextPack) -> None:
        body = self._format.body(self._sender.model, self._sender.entry, [text for _, text in pack.items])
        tokens = sum(most_tokens(text) for _, text in pack.items)
        try:
            delivery = await self._sender.send(body, tokens, 0, self._budget, self._stopping)
        except RefusedRequestError as error:
            await self._split_or_fail(pack, error)
            return
        except TriesExhaustedError as error:
            await self._group_commit.commit([self._call(pack, f"failed_{error.kind}", tries=error.tries)])
            if len(pack.items) > 1 and not self._stopping.is_set():
                # One text that the server cannot process must not block the other texts of its request. Both halves
                # come before their own halves, so that an answered half shows that there is no outage.
                for half in halves(pack):
                    self._pool.add_last(half)
                return
            await self._fail(pack, f"no answer after {error.tries} tries ({error.kind})")
            return
        await self._book(pack, delivery)

    async def _book(self, pack: TextPack, delivery: Delivery) -> None:
        received = self._format.vectors(delivery.reply.data, len(pack.items))
        found = fitting(received)
        call = self._call(pack, outcome_of(found, len(pack.items)), delivery)
        vectors = [StoredVector(pack.items[i][0], self._sender.model, found[i], call.id) for i in sorted(found)]
        try:
            await self._group_commit.commit([call], vectors=vectors)
        finally:
            await self._budget.settle(delivery.cover_usd, call.cost_usd)
        self._count_wrong_lengths(received, found)
        for vector in vectors:
            self._emit(Embedded(vector.content_hash, vector.vector))
        rest = TextPack(tuple(text for i, text in enumerate(pack.items) if i not in found), pack.asked + 1)
        if rest.items and rest.asked >= MAX_PAID_TRIES:
            await self._fail(rest, f"no usable vector in {MAX_PAID_TRIES} tries")
        elif rest.items:
            self._pool.add([rest])

    def _count_wrong_lengths(self, received: Mapping[int, NDArray[np.float32]], found: Mapping[int, Any]) -> None:
        """Stop if all vectors have another length: that is the model's own; a single one is a faulty answer."""
        self._fitted = self._fitted or bool(found)
        self._wrong_lengths += bool(received) and not found
        if not self._fitted and self._wrong_lengths >= MAX_WRONG_LENGTHS:
            length = next(iter(received.values())).shape[0]
            raise ModelRequestError(
                f"The model '{self._sender.model}' gives vectors of {length} dimensions; {VECTOR_DIMENSIONS} are "
                "needed. Choose another one in MATCHME_EMBEDDING_MODEL."
            )

    async def _fail(self, pack: TextPack, error: str, *, retryable: bool = True) -> None:
        for key, _ in pack.items:
            self._emit(Unanswered(key, error, retryable))


def packed(
    texts: Mapping[str, str], limits: EmbeddingLimits, tokens_per_minute: int | None = None
) -> list[list[tuple[str, str]]]:
    """The requests for `texts`: masked, shortened to the limit, without blank texts.

    A request fits into `tokens_per_minute` even if a text has twice its likely number of tokens.
    """
    # A token is at most three characters in the count below; the rest is never sent.
    longest = 4 * limits.input_tokens
    ready = [
        (key, within_limit(mask(cut_at_boundary(text, longest)), limits.input_tokens))
        for key, text in texts.items()
        if text.strip()
    ]
    most = limits.request_tokens if tokens_per_minute is None else min(limits.request_tokens, tokens_per_minute // 2)
    return pack_texts(ready, limits.inputs, most)


def within_limit(text: str, most: int) -> str:
    """`text`, cut at the end of a sentence or word if it may have more than `most` tokens."""
    while (tokens := max(most_tokens(text), estimated_tokens(text))) > most:
        text = cut_at_boundary(text, max(1, len(text) * most // (tokens + 1)))
    return text


def fitting(vectors: Mapping[int, NDArray[np.float32]]) -> dict[int, NDArray[np.float32]]:
    """Those of `vectors` with the expected length."""
    return {i: vector for i, vector in vectors.items() if vector.shape[0] == VECTOR_DIMENSIONS}


def outcome_of(found: Mapping[int, Any], asked: int) -> str:
    """The ledger's outcome for an answer with `found` of `asked` vectors."""
    return "ok" if len(found) == asked else "partial" if found else "unreadable"
