"""Batch mode: requests at a batch's discount, which survive restarts and end before members open the app.

A batch is written to the database before it is submitted, and its answers are recorded in one transaction when they are
read. After a killed run, the next run finds the batch at the provider instead of paying for another.
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
from matchme_pipeline.llm.execution.circuit_breaker import OutageTimer
from matchme_pipeline.llm.execution.exchange import (
    BatchGoneError,
    RefusedRequestError,
    RetryableError,
    SubmissionUnknownError,
    UndecidedError,
)
from matchme_pipeline.llm.execution.group_commit import GroupCommit
from matchme_pipeline.llm.execution.wire_format import BatchApi, BatchState
from matchme_pipeline.llm.provider import Answered, Embedded
from matchme_pipeline.llm.store import batch_queries, budget_queries
from matchme_pipeline.llm.store.batch_queries import Batch
from matchme_pipeline.llm.store.ledger import Ledger

# How often requests that a batch left unanswered go into another batch; then they become single requests.
ROUNDS = 3
# Longer than a batch's window: its budget is reserved until it is read.
RESERVATION_HOURS = 25
FIRST_POLL_SECONDS, MAX_POLL_SECONDS = 1.0, 60.0
# How long to wait for the results of a cancelled batch; after that the next run reads it.
CANCEL_PATIENCE = timedelta(minutes=10)
REMEDY = "Check its address and state, then run again: an existing batch is read and not paid again."

Emit = Callable[[Answered | Embedded], None]
T = TypeVar("T")

log = logging.getLogger("matchme_pipeline.llm")


class BatchRun:
    """One stage's questions or texts, sent by batches."""

    def __init__(
        self,
        api: BatchApi,
        group_commit: GroupCommit,
        ledger: Ledger,
        budget_usd: Decimal | None,
        context: CallContext,
        emit: Emit,
        outage_timer: OutageTimer,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        first_poll_seconds: float = FIRST_POLL_SECONDS,
    ) -> None:
        """`outage_timer` limits how long the API may answer nothing about batches."""
        self._api = api
        self._group_commit = group_commit
        self._ledger = ledger
        self._budget_usd = budget_usd
        self._context = context
        self._emit = emit
        self._outage_timer = outage_timer
        self._now = now
        self._first_poll_seconds = first_poll_seconds
        self._deadline = deadline(context.week, now())
        # How many lines of one batch the account may have waiting, as far as it is known.
        self._most_lines: int | None = None

    async def answer(self, work: BatchWork, keys: Sequence[str]) -> list[str]:
        """Emit the batches' answers to `keys`; returns the keys that are left to single requests.

        If the budget does not cover all at once, the rest goes into later batches, once earlier ones have cost less
        than their reservation. Raises BudgetExceededError if it does not cover a single request, and ModelRequestError.
        """
        left = dict.fromkeys(keys)
        await self._follow(work, await self._unread_batches(work, left), left)
        rounds = 0
        while left and rounds < ROUNDS and not self._near_deadline():
            open_before, most_lines = len(left), self._most_lines
            batches, all_covered = await self._submit(work, list(left))
            await self._follow(work, batches, left)
            is_without_progress = len(left) == open_before and self._most_lines == most_lines
            if is_without_progress and not batches:
                break
            rounds += all_covered or is_without_progress
        return list(left)

    async def _unread_batches(self, work: BatchWork, left: dict[str, None]) -> list[Batch]:
        """Unread batches of earlier runs of this stage and week.

        A batch with mostly other keys belongs to another active run, unless it is too old.
        """
        context = self._context
        found = await self._write(lambda c: batch_queries.open_batches(c, work.model, context.stage, context.week))
        forgotten = self._now() - COMPLETION_WINDOW - MARGIN
        return [batch for batch in found if batch.share_of(left) >= 0.5 or batch.created_at < forgotten]

    async def _submit(self, work: BatchWork, keys: Sequence[str]) -> tuple[list[Batch], bool]:
        """Submit requests for `keys` as far as the budget reaches; returns the batches, and whether they cover all
        keys.
        """
        batches: list[Batch] = []
        for lines in split(work.lines(keys), self._api.limits, self._most_items(work)):
            try:
                batch, covered = await self._write_down(work, lines[: self._most_lines])
                batches.append(batch)
                await self._create(batch, lines[:covered])
            except BudgetExceededError:
                if batches:
                    return batches, False
                raise
            except (RetryableError, RefusedRequestError) as error:
                log.warning("A batch of %s could not be submitted (%s).", self._context.stage, error)
                self._outage_timer.failed(str(error), REMEDY)
                return batches, True
            if covered < len(lines) or self._most_lines is not None:
                return batches, False
        return batches, True

    async def _write_down(self, work: BatchWork, lines: Sequence[Line]) -> tuple[Batch, int]:
        """Reserve a batch's maximum cost and insert the batch into the database, in one transaction.

        Returns the batch and how many of `lines` it contains.
        """
        context, covered = self._context, len(lines)
        while covered:
            requests = {f"r{number}": line.keys for number, line in enumerate(lines[:covered], start=1)}
            batch = Batch(
                uuid.uuid4(), work.kind, context.stage, context.week, work.model, "submitting", self._now(), requests,
                provider=work.entry.provider,
            )  # fmt: skip
            usd = sum((line.cover_usd for line in lines[:covered]), Decimal(0))

            def write(connection: Connection, batch: Batch = batch, usd: Decimal = usd) -> bool:
                limit = self._budget_usd
                if limit is not None and not budget_queries.hold_budget(
                    connection, batch.id, batch.week, usd, limit, RESERVATION_HOURS
                ):
                    return False
                batch_queries.write_batch(connection, batch, context)
                return True

            if await self._write(write):
                return batch, covered
            covered //= 2
        raise BudgetExceededError(
            f"The next request of a batch could cost {lines[0].cover_usd:.4f} USD and would pass the week's budget of "
            f"{self._budget_usd} USD (MATCHME_WEEKLY_BUDGET_USD). The rest stays queued."
        )

    async def _create(self, batch: Batch, lines: Sequence[Line]) -> None:
        """Submit a stored batch. If the submission is uncertain, look for the batch later."""
        bodies = {name: line.text for name, line in zip(batch.requests, lines, strict=True)}
        try:
            await self._keep(batch, await self._api.submit(batch, bodies))
            self._outage_timer.answered()
        except SubmissionUnknownError:
            return
        except Exception:
            await self._close(batch)
            raise

    async def _follow(self, work: BatchWork, batches: Sequence[Batch], left: dict[str, None]) -> None:
        """Wait until all batches are read or given up; removes their answers' keys from `left`."""
        waiting = list(batches)
        pause, cancelled_at = self._first_poll_seconds, None
        while waiting:
            waiting = [batch for batch in waiting if not await self._is_done(work, batch, left)]
            if waiting and self._near_deadline():
                if cancelled_at is None:
                    cancelled_at = self._now()
                    for batch in waiting:
                        await self._api.cancel(batch)
                elif self._now() - cancelled_at > CANCEL_PATIENCE:
                    return
            if waiting:
                await asyncio.sleep(pause)
                pause = min(MAX_POLL_SECONDS, pause * 1.5)

    async def _is_done(self, work: BatchWork, batch: Batch, left: dict[str, None]) -> bool:
        """Poll a batch and read it once it is finished; returns whether the wait is over."""
        if await self._write(lambda connection: batch_queries.is_read(connection, batch.id)):
            # Another run has read it meanwhile and stored its results.
            await self._hand_out_stored(work, left)
            return True
        try:
            if batch.provider_batch_id is None:
                found = await self._api.find(batch)
                if found is None:
                    raise BatchGoneError
                await self._keep(batch, found)
            elif not batch.over:
                await self._keep(batch, await self._api.state(batch))
            if not batch.over:
                self._outage_timer.answered()
                return False
            await self._read(work, batch, left)
        except BatchGoneError:
            # Its files may be gone because another run has just read them.
            await self._hand_out_stored(work, left)
            await self._close(batch)
        except (RetryableError, RefusedRequestError) as error:
            # The API may recover; the batch continues without this run.
            log.warning("The API does not answer about a batch of %s (%s).", self._context.stage, error)
            await self._count_failure(batch, error)
            return False
        self._outage_timer.answered()
        return True

    async def _count_failure(self, batch: Batch, error: RetryableError | RefusedRequestError) -> None:
        """Count a failure towards an outage, unless it concerns only this batch.

        A result file that cannot be downloaded and a batch that cannot be identified yet concern only this batch.
        Raises ModelRequestError if the API has answered nothing for too long; the next run then reads the batch.
        """
        if isinstance(error, UndecidedError):
            self._outage_timer.answered()
        elif not batch.over:
            self._outage_timer.failed(str(error), REMEDY)
        else:
            try:
                await self._api.state(batch)
            except BatchGoneError:
                self._outage_timer.answered()
            except (RetryableError, RefusedRequestError):
                self._outage_timer.failed(str(error), REMEDY)
            else:
                self._outage_timer.answered()

    async def _read(self, work: BatchWork, batch: Batch, left: dict[str, None]) -> None:
        """Record a batch's results once and emit them."""
        if batch.status != "completed":
            log.warning("A batch of %s has %s; what it lacks is asked again.", self._context.stage, batch.status)
        read_line = self._api.read_line
        async with self._api.results(batch) as results:
            outcomes = await self._write(lambda connection: book_results(connection, work, batch, results, read_line))
        await self._group_commit.run(self._ledger.spent, {batch.week})
        if outcomes is None:
            await self._hand_out_stored(work, left)
        else:
            self._emit_results(outcomes, left)
        await self._api.discard(batch)

    async def _hand_out_stored(self, work: BatchWork, left: dict[str, None]) -> None:
        self._emit_results(await self._write(lambda connection: work.stored(connection, list(left))), left)

    def _emit_results(self, outcomes: Sequence[Answered | Embedded], left: dict[str, None]) -> None:
        for outcome in outcomes:
            key = outcome.key if isinstance(outcome, Answered) else outcome.content_hash
            if key in left:
                del left[key]
                self._emit(outcome)

    async def _keep(self, batch: Batch, state: BatchState) -> None:
        keep(batch, state)
        if state.too_much:
            # Send halves one after the other; the alternative is the full price for all requests.
            half = len(batch.requests) // 2
            self._most_lines = max(1, min(half, self._most_lines or half))
        await self._write(lambda connection: batch_queries.save_state(connection, batch))

    async def _close(self, batch: Batch) -> None:
        """Give up a batch that the provider does not know: nothing was paid, and its reservation is released."""
        batch.status = "lost"

        def close(connection: Connection) -> None:
            batch_queries.save_state(connection, batch)
            budget_queries.release_budget(connection, batch.id)

        await self._write(close)

    def _most_items(self, work: BatchWork) -> int | None:
        return self._api.limits.inputs if work.kind == "embedding" else None

    async def _write(self, write: Callable[[Connection], T]) -> T:
        return await self._group_commit.run(self._ledger.transact, write)

    def _near_deadline(self) -> bool:
        return self._now() >= self._deadline - MARGIN


def keep(batch: Batch, state: BatchState) -> None:
    """Store the provider's state in `batch`."""
    batch.provider_batch_id = state.id
    batch.status = state.status
    batch.input_file_id = state.input_file_id or batch.input_file_id
    batch.output_file_id = state.output_file_id
    batch.error_file_id = state.error_file_id
