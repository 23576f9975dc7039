"""Batch mode: requests at the Batch API's discount, survived through restarts, finished before members look.

A batch is written down before it is submitted and its answers are booked in one transaction when they are read. A run
that was killed leaves both: the next run finds its batch again, by id or by metadata, instead of paying another.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import BudgetExceededError
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.execution.batch_limits import COMPLETION_WINDOW, MARGIN, Line, deadline, split
from matchme_pipeline.llm.execution.batch_results import book_results
from matchme_pipeline.llm.execution.batch_work import BatchWork
from matchme_pipeline.llm.execution.event_loop_thread import Committer
from matchme_pipeline.llm.openai.batch_api import BatchApi, BatchGoneError, BatchState
from matchme_pipeline.llm.openai.error_mapping import RefusedRequestError, RetryableError
from matchme_pipeline.llm.provider import Answered, Embedded
from matchme_pipeline.llm.store import batch_queries, queries
from matchme_pipeline.llm.store.batch_queries import Batch
from matchme_pipeline.llm.store.ledger import Ledger

# What a batch left open is put into another one, so often; then it is asked in the ordinary way.
ROUNDS = 3
# Longer than a batch's window: what it may cost is set aside until it is read.
HOLDING_HOURS = 25
FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 1.0, 60.0
# A batch that is being cancelled gives what it has; after this it is left to the next run.
CANCEL_PATIENCE = timedelta(minutes=10)
_OVER = {"completed": "completed", "expired": "expired", "failed": "failed", "cancelled": "cancelled"}

Emit = Callable[[Answered | Embedded], None]
T = TypeVar("T")

log = logging.getLogger("matchme_pipeline.llm")


class BatchRun:
    """One stage's work by batches, as far as they get."""

    def __init__(
        self,
        api: BatchApi,
        committer: Committer,
        ledger: Ledger,
        budget_usd: Decimal | None,
        context: CallContext,
        emit: Emit,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        first_look_seconds: float = FIRST_LOOK_SECONDS,
    ) -> None:
        self._api = api
        self._committer = committer
        self._ledger = ledger
        self._budget_usd = budget_usd
        self._context = context
        self._emit = emit
        self._now = now
        self._first_look_seconds = first_look_seconds
        self._deadline = deadline(context.week, now())
        # How many lines the account's limit of waiting tokens lets into one batch, as far as it is known.
        self._most_lines: int | None = None

    async def answer(self, work: BatchWork, keys: Sequence[str]) -> list[str]:
        """Emit what batches answer of `keys`; returns those that are left to the ordinary way.

        What the budget doesn't cover at once goes into later batches, when earlier ones have cost less than they
        might have. Raises BudgetExceededError when it covers not even one request, ModelRequestError.
        """
        left = dict.fromkeys(keys)
        await self._follow(work, await self._unread_batches(work, left), left)
        rounds = 0
        while left and rounds < ROUNDS and not self._near_deadline():
            open_before, most_lines = len(left), self._most_lines
            batches, all_covered = await self._submit(work, list(left))
            await self._follow(work, batches, left)
            in_vain = len(left) == open_before and self._most_lines == most_lines
            if in_vain and not batches:
                break
            rounds += all_covered or in_vain
        return list(left)

    async def _unread_batches(self, work: BatchWork, left: dict[str, None]) -> list[Batch]:
        """Batches that an earlier run of this stage and week has left behind.

        One that asks mostly about other things belongs to a run that works beside this one, unless it is too old.
        """
        context = self._context
        found = await self._write(lambda c: batch_queries.open_batches(c, work.model, context.stage, context.week))
        forgotten = self._now() - COMPLETION_WINDOW - MARGIN
        return [batch for batch in found if batch.share_of(left) >= 0.5 or batch.created_at < forgotten]

    async def _submit(self, work: BatchWork, keys: Sequence[str]) -> tuple[list[Batch], bool]:
        """Submit what asks about `keys`, as far as the budget reaches; the batches, and whether that was all."""
        batches: list[Batch] = []
        for lines in split(work.lines(keys), work.most_items):
            try:
                batch, covered = await self._write_down(work, lines[: self._most_lines])
                batches.append(batch)
                await self._create(work, batch, lines[:covered])
            except BudgetExceededError:
                if batches:
                    return batches, False
                raise
            except (RetryableError, RefusedRequestError) as error:
                log.warning("A batch of %s could not be submitted (%s).", self._context.stage, error)
                return batches, True
            if covered < len(lines) or self._most_lines is not None:
                return batches, False
        return batches, True

    async def _write_down(self, work: BatchWork, lines: Sequence[Line]) -> tuple[Batch, int]:
        """Set aside what a batch may cost and write it down, in one transaction; with it, how many lines it takes."""
        context, covered = self._context, len(lines)
        while covered:
            requests = {f"r{number}": line.keys for number, line in enumerate(lines[:covered], start=1)}
            batch = Batch(
                uuid.uuid4(), work.kind, context.stage, context.week, work.model, "submitting", self._now(), requests
            )
            usd = sum((line.cover_usd for line in lines[:covered]), Decimal(0))

            def write(connection: Connection, batch: Batch = batch, usd: Decimal = usd) -> bool:
                limit = self._budget_usd
                if limit is not None and not queries.hold_budget(
                    connection, batch.id, batch.week, usd, limit, HOLDING_HOURS
                ):
                    return False
                batch_queries.write_batch(connection, batch, context)
                return True

            if await self._write(write):
                return batch, covered
            covered //= 2
        raise BudgetExceededError(
            f"The next request of a batch could cost {lines[0].cover_usd:.4f} USD and would pass the week's budget of "
            f"{self._budget_usd} USD (MATCHME_WEEKLY_BUDGET_USD). What is left stays queued."
        )

    async def _create(self, work: BatchWork, batch: Batch, lines: Sequence[Line]) -> None:
        """Submit a batch that is written down. One that may have been created all the same is looked for later."""
        try:
            file_id = await self._api.upload(zip(batch.requests, lines, strict=True), work.endpoint, str(batch.id))
        except BaseException:
            await self._close(batch)
            raise
        try:
            await self._keep(batch, await self._api.create(file_id, work.endpoint, str(batch.id)))
        except RetryableError:
            return
        except Exception:
            await self._close(batch)
            raise

    async def _follow(self, work: BatchWork, batches: Sequence[Batch], left: dict[str, None]) -> None:
        """Until all batches are read, or given up: what they answer leaves `left`."""
        waiting = list(batches)
        pause, cancelled_at = self._first_look_seconds, None
        while waiting:
            waiting = [batch for batch in waiting if not await self._is_done(work, batch, left)]
            if waiting and self._near_deadline():
                if cancelled_at is None:
                    cancelled_at = self._now()
                    for batch in waiting:
                        await self._api.cancel(batch.provider_batch_id)
                elif self._now() - cancelled_at > CANCEL_PATIENCE:
                    return
            if waiting:
                await asyncio.sleep(pause)
                pause = min(LONGEST_LOOK_SECONDS, pause * 1.5)

    async def _is_done(self, work: BatchWork, batch: Batch, left: dict[str, None]) -> bool:
        """Look at a batch, and read it once it is over; whether there is nothing more to wait for."""
        if await self._write(lambda connection: batch_queries.is_read(connection, batch.id)):
            # Another run has read it meanwhile, and kept what it brought.
            await self._hand_out_stored(work, left)
            return True
        try:
            if batch.provider_batch_id is None:
                found = await self._api.find(str(batch.id))
                if found is None:
                    raise BatchGoneError
                await self._keep(batch, found)
            elif not batch.over:
                await self._keep(batch, await self._api.state(batch.provider_batch_id))
            if not batch.over:
                return False
            await self._read(work, batch, left)
        except BatchGoneError:
            # Its files may be gone because another run has read them just now.
            await self._hand_out_stored(work, left)
            await self._close(batch)
        except (RetryableError, RefusedRequestError) as error:
            # It may come back; the batch goes on without us.
            log.warning("The API says nothing of a batch of %s (%s).", self._context.stage, error)
            return False
        return True

    async def _read(self, work: BatchWork, batch: Batch, left: dict[str, None]) -> None:
        """Book what a batch brought, once, and emit it."""
        if batch.status != "completed":
            log.warning("A batch of %s has %s; what it lacks is asked again.", self._context.stage, batch.status)
        async with self._api.results((batch.output_file_id, batch.error_file_id)) as results:
            outcomes = await self._write(lambda connection: book_results(connection, work, batch, results))
        await self._committer.run(self._ledger.spent, {batch.week})
        if outcomes is None:
            await self._hand_out_stored(work, left)
        else:
            self._hand_out(outcomes, left)
        # Members' words stay there no longer than they must.
        for file_id in (batch.input_file_id, batch.output_file_id, batch.error_file_id):
            await self._api.delete(file_id)

    async def _hand_out_stored(self, work: BatchWork, left: dict[str, None]) -> None:
        self._hand_out(await self._write(lambda connection: work.stored(connection, list(left))), left)

    def _hand_out(self, outcomes: Sequence[Answered | Embedded], left: dict[str, None]) -> None:
        for outcome in outcomes:
            key = outcome.key if isinstance(outcome, Answered) else outcome.content_hash
            if key in left:
                del left[key]
                self._emit(outcome)

    async def _keep(self, batch: Batch, state: BatchState) -> None:
        keep(batch, state)
        if state.too_much:
            # Halves go one after another: full price for everything would be the other way.
            half = len(batch.requests) // 2
            self._most_lines = max(1, min(half, self._most_lines or half))
        await self._write(lambda connection: batch_queries.save_state(connection, batch))

    async def _close(self, batch: Batch) -> None:
        """A batch that isn't there: nothing was paid, nothing is set aside for it any more."""
        batch.status = "lost"

        def close(connection: Connection) -> None:
            batch_queries.save_state(connection, batch)
            queries.release_budget(connection, batch.id)

        await self._write(close)

    async def _write(self, write: Callable[[Connection], T]) -> T:
        return await self._committer.run(self._ledger.transact, write)

    def _near_deadline(self) -> bool:
        return self._now() >= self._deadline - MARGIN


def keep(batch: Batch, state: BatchState) -> None:
    """Take over what the provider says of `batch`."""
    batch.provider_batch_id = state.id
    batch.status = _OVER.get(state.status, "submitted")
    batch.input_file_id = state.input_file_id or batch.input_file_id
    batch.output_file_id = state.output_file_id
    batch.error_file_id = state.error_file_id
