"""The common part of question runs and embedding runs: claims, refusals, ledger rows."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.billing import billed_usage, booked_call
from matchme_pipeline.llm.execution.budget_cover import Budget
from matchme_pipeline.llm.execution.exchange import Json, RefusedRequestError
from matchme_pipeline.llm.execution.group_commit import GroupCommit
from matchme_pipeline.llm.execution.in_flight_claims import POLL_SECONDS, InFlightClaims
from matchme_pipeline.llm.execution.request_sender import Delivery, RequestSender
from matchme_pipeline.llm.execution.wire_format import ChatFormat, EmbeddingFormat
from matchme_pipeline.llm.execution.worker_pool import WorkerPool
from matchme_pipeline.llm.prices import Mode, PriceTable, TokenUsage
from matchme_pipeline.llm.provider import Unanswered
from matchme_pipeline.llm.store.records import Call

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741


@dataclass(frozen=True)
class Pack(Generic[I]):
    """Items of one request, how often they have been asked, and whether the API has refused them once."""

    items: tuple[I, ...]
    asked: int = 0
    refused: bool = False


P = TypeVar("P", bound=Pack)  # type: ignore[type-arg]


class PackRun(ABC, Generic[I, O, P]):
    """One stage's packs `P` of items `I` to one model, which settles each with an `O` or as unanswered."""

    def __init__(
        self,
        sender: RequestSender,
        wire_format: ChatFormat | EmbeddingFormat,
        group_commit: GroupCommit,
        budget: Budget,
        prices: PriceTable,
        context: CallContext,
        emit: Callable[[O | Unanswered], None],
    ) -> None:
        self._sender = sender
        self._wire_format = wire_format
        self._group_commit = group_commit
        self._budget = budget
        self._prices = prices
        self._context = context
        self._emit = emit
        self._stopping = asyncio.Event()
        self._claims = InFlightClaims(group_commit)
        self._pool: WorkerPool[P]

    @abstractmethod
    def _claim_name(self, item: I) -> str:
        """The name under which processes claim `item`."""

    @abstractmethod
    def _find_stored(self, connection: Connection, items: Sequence[I]) -> dict[str, O]:
        """Stored results of `items`, by claim name."""

    @abstractmethod
    async def _send(self, pack: P) -> None:
        """Send a claimed pack, and settle its items or ask about them again."""

    @abstractmethod
    async def _fail(self, pack: P, error: str, *, retryable: bool = True) -> None:
        """Settle the items of `pack` as failed."""

    def _owner(self, pack: P) -> str | None:  # noqa: ARG002
        """The member whose items a pack contains, for the ledger."""
        return None

    def _billed_mode(self, data: Json) -> Mode:  # noqa: ARG002
        """The mode in which an answer was billed."""
        return self._sender.mode

    async def _finish(self, packs: Sequence[P], workers: int) -> None:
        """Work through `packs` and their parts."""
        self._pool = WorkerPool(packs, self._ask, self._stopping)
        await self._pool.finish(workers)

    async def _ask(self, pack: P) -> None:
        """Send the items that are neither stored nor in flight at another worker."""
        by_name = {self._claim_name(item): item for item in pack.items}
        taken, stored = await self._claims.take(by_name, lambda c, _: self._find_stored(c, pack.items))
        for outcome in stored.values():
            self._emit(outcome)
        to_send = tuple(item for name, item in by_name.items() if name in taken)
        elsewhere = tuple(item for name, item in by_name.items() if name not in taken and name not in stored)
        if to_send:
            async with self._claims.claimed(taken):
                await self._send(replace(pack, items=to_send))
        if elsewhere:
            if not to_send:
                await asyncio.sleep(POLL_SECONDS)
            self._pool.add_last(replace(pack, items=elsewhere))

    async def _split_or_fail(self, pack: P, error: RefusedRequestError) -> None:
        """Send a refused pack again in halves, a single item once more, then give it up."""
        if len(pack.items) > 1:
            self._pool.add(halves(pack))
            return
        if not pack.refused:
            # A refused request costs nothing, and an overloaded server may accept it a moment later.
            self._pool.add_last(replace(pack, refused=True))
            return
        await self._group_commit.commit([self._call(pack, f"refused_{error.kind}")])
        await self._fail(pack, f"the API refuses the request ({error.kind})", retryable=False)

    def _call(
        self, pack: P, outcome: str, delivery: Delivery | None = None, *, written: str = "", tries: int = 1
    ) -> Call:
        """The ledger row of a request; `written` is the model's text in an answered one."""
        sender, mode, usage = self._sender, self._sender.mode, (TokenUsage(), True)
        if delivery is not None:
            data, tries = delivery.reply.data or {}, delivery.tries
            usage = billed_usage(self._wire_format.usage(data), written, delivery.request_bytes)
            mode = self._billed_mode(data)
        return booked_call(
            self._context,
            sender.model,
            sender.entry,
            mode,
            self._prices.version,
            outcome,
            len(pack.items),
            reply=delivery.reply if delivery else None,
            usage=usage,
            request_bytes=delivery.request_bytes if delivery else 0,
            tries=tries,
            member_id=self._owner(pack),
        )


def halves(pack: P) -> list[P]:
    """`pack` in two requests."""
    middle = len(pack.items) // 2
    return [replace(pack, items=part) for part in (pack.items[:middle], pack.items[middle:])]
