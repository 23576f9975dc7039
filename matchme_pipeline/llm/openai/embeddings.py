"""Embedding texts, many to a request, within the API's limits on items and tokens."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ModelRequestError
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.budget_cover import Budget
from matchme_pipeline.llm.execution.event_loop_thread import Committer
from matchme_pipeline.llm.execution.in_flight_claims import LOOK_SECONDS, Underway
from matchme_pipeline.llm.execution.request_sender import Delivery, Door, GaveUpError
from matchme_pipeline.llm.execution.worker_pool import Crew
from matchme_pipeline.llm.openai.chat import call_error
from matchme_pipeline.llm.openai.client import billed_usage
from matchme_pipeline.llm.openai.error_mapping import RefusedRequestError
from matchme_pipeline.llm.prices import ModelEntry, PriceTable, TokenUsage
from matchme_pipeline.llm.provider import Embedded, Unanswered
from matchme_pipeline.llm.store import queries
from matchme_pipeline.llm.store.records import Call, StoredVector
from matchme_pipeline.llm.tasks.packing import pack_texts
from matchme_pipeline.llm.text.contact_masking import mask
from matchme_pipeline.llm.text.sentences import cut_at_boundary
from matchme_pipeline.llm.text.token_estimates import estimated_tokens, most_tokens

DIMENSIONS = 1536
# The API's limits: inputs a request, tokens a request (it counts UTF-8 bytes / 4), tokens an input.
MOST_INPUTS = 2_048
MOST_REQUEST_TOKENS = 300_000
MOST_INPUT_TOKENS = 8_192
ASKED = 6
# So many answers whose vectors are all of another length, and none that fits: it is the model.
MISFITS_BEFORE_STOP = 2

Json = dict[str, Any]


@dataclass(frozen=True)
class TextPack:
    """Texts that travel together, how often they have been asked for, and whether the API has refused them once."""

    texts: tuple[tuple[str, str], ...]
    asked: int = 0
    refused: bool = False


class EmbeddingRun:
    """One stage's texts to one embedding model."""

    def __init__(
        self,
        door: Door,
        committer: Committer,
        budget: Budget,
        prices: PriceTable,
        context: CallContext,
        emit: Callable[[Embedded | Unanswered], None],
    ) -> None:
        self._door = door
        self._committer = committer
        self._budget = budget
        self._prices = prices
        self._context = context
        self._emit = emit
        self._stopping = asyncio.Event()
        self._fitted, self._misfits = False, 0
        self._underway = Underway(committer)
        self._crew: Crew[TextPack]

    async def embed(self, texts: Mapping[str, str], workers: int, tokens_per_minute: int | None = None) -> None:
        """Emit exactly one outcome for each of `texts`, each committed before it is emitted."""
        for key, text in texts.items():
            if not text.strip():
                self._emit(Unanswered(key, "no words to embed", retryable=False))
        packs = [TextPack(tuple(pack)) for pack in packed(texts, tokens_per_minute)]
        self._crew = Crew(packs, self._ask, self._stopping)
        # Two for one request: it may be halved.
        await self._crew.finish(min(workers, max(2, len(packs))))

    async def _ask(self, pack: TextPack) -> None:
        """Ask for what nobody has stored yet and nobody else is asking for."""
        model = self._door.model
        name_of = {key: f"{model} {key}" for key, _ in pack.texts}

        def stored(connection: Connection, _: Sequence[str]) -> dict[str, NDArray[np.float32]]:
            found = queries.stored_vectors(connection, model, list(name_of))
            return {name_of[key]: vector for key, vector in found.items()}

        taken, known = await self._underway.take(name_of.values(), stored)
        for key, name in name_of.items():
            if name in known:
                self._emit(Embedded(key, known[name]))
        mine = tuple(text for text in pack.texts if name_of[text[0]] in taken)
        elsewhere = tuple(t for t in pack.texts if name_of[t[0]] not in taken and name_of[t[0]] not in known)
        if mine:
            async with self._underway.held(taken):
                await self._send(replace(pack, texts=mine))
        if elsewhere:
            if not mine:
                await asyncio.sleep(LOOK_SECONDS)
            self._crew.add_last(replace(pack, texts=elsewhere))

    async def _send(self, pack: TextPack) -> None:
        body = embedding_body(self._door.model, self._door.entry, [text for _, text in pack.texts])
        tokens = sum(most_tokens(text) for _, text in pack.texts)
        try:
            delivery = await self._door.deliver(body, tokens, 0, self._budget, self._stopping)
        except RefusedRequestError as error:
            await self._split_or_fail(pack, error)
            return
        except GaveUpError as error:
            await self._committer.commit([self._call(pack, f"failed_{error.kind}", tries=error.tries)])
            if len(pack.texts) > 1 and not self._stopping.is_set():
                # One text that the server cannot bear must not keep the others of its request from their vectors. Both
                # halves come before their own halves, so that the one that is answered tells this from an outage.
                for half in _halves(pack):
                    self._crew.add_last(half)
                return
            self._fail(pack, f"no answer after {error.tries} tries ({error.kind})")
            return
        await self._book(pack, delivery)

    async def _book(self, pack: TextPack, delivery: Delivery) -> None:
        received = read_vectors(delivery.reply.data, len(pack.texts))
        found = {i: vector for i, vector in received.items() if vector.shape[0] == DIMENSIONS}
        outcome = "ok" if len(found) == len(pack.texts) else "partial" if found else "unreadable"
        call = self._call(pack, outcome, delivery)
        vectors = [StoredVector(pack.texts[i][0], self._door.model, found[i], call.id) for i in sorted(found)]
        try:
            await self._committer.commit([call], vectors=vectors)
        finally:
            await self._budget.settle(delivery.cover_usd, call.cost_usd)
        self._count_misfits(received, found)
        for vector in vectors:
            self._emit(Embedded(vector.content_hash, vector.vector))
        rest = TextPack(tuple(text for i, text in enumerate(pack.texts) if i not in found), pack.asked + 1)
        if rest.texts and rest.asked >= ASKED:
            self._fail(rest, f"no usable vector in {ASKED} tries")
        elif rest.texts:
            self._crew.add([rest])

    def _count_misfits(self, received: Mapping[int, NDArray[np.float32]], found: Mapping[int, Any]) -> None:
        """Stop before every text is paid for in vain: a stray answer may have another length, a model has one."""
        self._fitted = self._fitted or bool(found)
        self._misfits += bool(received) and not found
        if not self._fitted and self._misfits >= MISFITS_BEFORE_STOP:
            length = next(iter(received.values())).shape[0]
            raise ModelRequestError(
                f"The model '{self._door.model}' gives vectors of {length} dimensions; {DIMENSIONS} are needed. "
                "Choose another one in MATCHME_EMBEDDING_MODEL."
            )

    async def _split_or_fail(self, pack: TextPack, error: RefusedRequestError) -> None:
        if len(pack.texts) > 1:
            self._crew.add(_halves(pack))
            return
        if not pack.refused:
            self._crew.add_last(replace(pack, refused=True))
            return
        await self._committer.commit([self._call(pack, f"refused_{error.kind}")])
        self._fail(pack, f"the API refuses the text ({error.kind})", retryable=False)

    def _fail(self, pack: TextPack, error: str, *, retryable: bool = True) -> None:
        for key, _ in pack.texts:
            self._emit(Unanswered(key, error, retryable))

    def _call(self, pack: TextPack, outcome: str, delivery: Delivery | None = None, tries: int = 1) -> Call:
        reply = delivery.reply if delivery else None
        request_bytes = delivery.request_bytes if delivery else 0
        usage, reported = billed_usage(reply, request_bytes) if reply else (TokenUsage(), True)
        return Call(
            context=self._context,
            provider="openai",
            model=self._door.model,
            mode=self._door.mode,
            outcome=outcome,
            items=len(pack.texts),
            request_id=reply.request_id if reply else None,
            attempt=delivery.tries if delivery else tries,
            usage=usage,
            cost_usd=self._door.entry.price(self._door.mode).cost_usd(usage),
            latency_seconds=reply.latency_seconds if reply else None,
            error=call_error(outcome, reported),
            price_version=self._prices.version,
            request_bytes=request_bytes,
        )


def _halves(pack: TextPack) -> list[TextPack]:
    middle = len(pack.texts) // 2
    return [TextPack(part, pack.asked) for part in (pack.texts[:middle], pack.texts[middle:])]


def embedding_body(model: str, entry: ModelEntry, texts: list[str]) -> Json:
    """An embeddings request; floats come as base64, a quarter of their size in digits."""
    body: Json = {"model": model, "input": texts, "encoding_format": "base64"}
    if entry.dimensions:
        body["dimensions"] = DIMENSIONS
    return body


def packed(texts: Mapping[str, str], tokens_per_minute: int | None = None) -> list[list[tuple[str, str]]]:
    """What of `texts` is sent, in requests: without contacts, none too long, blank ones left out.

    A request fits into a minute of `tokens_per_minute` even where a text is twice as many tokens as is likely.
    """
    ready = [(key, within_limit(mask(text))) for key, text in texts.items() if text.strip()]
    most = MOST_REQUEST_TOKENS if tokens_per_minute is None else min(MOST_REQUEST_TOKENS, tokens_per_minute // 2)
    return pack_texts(ready, MOST_INPUTS, most)


def within_limit(text: str) -> str:
    """`text`, cut at a sentence's or word's end where an input would be too long for the API."""
    while (tokens := max(most_tokens(text), estimated_tokens(text))) > MOST_INPUT_TOKENS:
        text = cut_at_boundary(text, max(1, len(text) * MOST_INPUT_TOKENS // (tokens + 1)))
    return text


def read_vectors(data: Json | None, asked: int) -> dict[int, NDArray[np.float32]]:
    """The usable vectors of an answer by their input's position, of unit length; the server may send any order."""
    entries = (data or {}).get("data")
    found: dict[int, NDArray[np.float32]] = {}
    entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if len(entries) == asked and not any("index" in entry for entry in entries):
        # A server that counts none, and leaves none out, keeps the order.
        entries = [{**entry, "index": place} for place, entry in enumerate(entries)]
    for entry in entries:
        index = entry.get("index")
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < asked or index in found:
            continue
        vector = _vector(entry.get("embedding"))
        if vector is not None:
            found[index] = vector
    return found


def _vector(value: Any) -> NDArray[np.float32] | None:
    try:
        if isinstance(value, str):
            vector = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float64)
        else:
            vector = np.asarray(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        return None
    length = float(np.linalg.norm(vector)) if vector.ndim == 1 and vector.size else 0.0
    if not np.isfinite(length) or length == 0:
        return None
    return (vector / length).astype(np.float32)
