"""Batch mode: requests at the Batch API's discount, survived through restarts, finished before members look.

A batch is written down before it is submitted and its answers are booked in one transaction when they are read. A run
that was killed leaves both: the next run finds its batch again, by id or by metadata, instead of paying another.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import BudgetExceededError
from matchme_pipeline.llm import batch_queries, queries
from matchme_pipeline.llm.batch_queries import Batch
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.ledger import Ledger
from matchme_pipeline.llm.provider import Answered, Embedded
from matchme_pipeline.llm.remote.batch_api import BatchApi, BatchState
from matchme_pipeline.llm.remote.batch_work import BatchWork, Line, LineResult
from matchme_pipeline.llm.remote.bridge import Committer
from matchme_pipeline.llm.remote.client import Reply
from matchme_pipeline.llm.remote.failures import RefusedRequestError, RetryableError

# The API's limits, the second with room to spare for what stands around a body.
MOST_REQUESTS = 50_000
MOST_BYTES = 190_000_000
# What a batch left open is put into another one, so often; then it is asked in the ordinary way.
ROUNDS = 3
# When members look at a week's results, and how long before that a batch is no longer waited for.
DEADLINE = time(7, tzinfo=UTC)
MARGIN = timedelta(minutes=45)
COMPLETION_WINDOW = timedelta(hours=24)
HOLDING_HOURS = 25
FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 1.0, 60.0
# A batch that is being cancelled gives what it has; after this it is left to the next run.
CANCEL_PATIENCE = timedelta(minutes=10)
_OVER = {"completed": "completed", "expired": "expired", "failed": "failed", "cancelled": "cancelled"}

Emit = Callable[[Answered | Embedded], None]


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

    async def answer(self, work: BatchWork, keys: Sequence[str]) -> list[str]:
        """Emit what batches answer of `keys`; returns those that are left to the ordinary way.

        Raises BudgetExceededError when not even one request is within the week's budget, ModelRequestError.
        """
        left = dict.fromkeys(keys)
        for batch in await self._open_batches(work):
            self._strike(left, await self._follow(work, batch))
        for _ in range(ROUNDS):
            if not left or self._near_deadline():
                break
            try:
                batches = [await self._submit(work, part) for part in split(work.lines(list(left)))]
            except (RetryableError, RefusedRequestError):
                break
            answered = [await self._follow(work, batch) for batch in batches]
            for results in answered:
                self._strike(left, results)
            if not any(answered):
                break
        return list(left)

    def _strike(self, left: dict[str, None], results: Iterable[LineResult]) -> None:
        for result in results:
            for outcome in result.outcomes():
                key = outcome.key if isinstance(outcome, Answered) else outcome.content_hash
                if key in left:
                    del left[key]
                    self._emit(outcome)

    async def _open_batches(self, work: BatchWork) -> list[Batch]:
        def look(connection: Connection) -> list[Batch]:
            return batch_queries.open_batches(connection, work.model, self._context.stage)

        return await self._committer.run(self._ledger.transact, look)

    async def _submit(self, work: BatchWork, lines: Sequence[Line]) -> Batch:
        requests = {f"r{number}": line.keys for number, line in enumerate(lines, start=1)}
        batch = Batch(
            uuid.uuid4(), work.kind, self._context.stage, self._context.week, work.model, "submitting", requests
        )
        await self._hold(batch, sum((line.cover_usd for line in lines), Decimal(0)))
        await self._write(lambda connection: batch_queries.write_batch(connection, batch, self._context))
        bodies = [
            {"custom_id": name, "method": "POST", "url": work.endpoint, "body": line.body}
            for name, line in zip(requests, lines, strict=True)
        ]
        file_id = await self._api.upload(bodies, str(batch.id))
        state = await self._api.create(file_id, work.endpoint, str(batch.id))
        await self._keep(batch, state)
        return batch

    async def _hold(self, batch: Batch, usd: Decimal) -> None:
        if self._budget_usd is None:
            return
        hold = self._ledger.hold
        if not await self._committer.run(hold, batch.id, batch.week, usd, self._budget_usd, HOLDING_HOURS):
            raise BudgetExceededError(
                f"A batch could cost {usd:.4f} USD and would pass the week's budget of {self._budget_usd} USD "
                "(MATCHME_WEEKLY_BUDGET_USD). What is left stays queued."
            )

    async def _follow(self, work: BatchWork, batch: Batch) -> list[LineResult]:
        """Wait for a batch and book what it brought; nothing for one that is lost or takes too long."""
        if batch.provider_batch_id is None:
            found = await self._api.find(str(batch.id))
            if found is None:
                batch.status = "lost"
                await self._write(lambda connection: _close(connection, batch))
                return []
            await self._keep(batch, found)
        pause = self._first_look_seconds
        cancelled_at: datetime | None = None
        while not batch.over:
            if self._near_deadline() and cancelled_at is None:
                cancelled_at = self._now()
                await self._api.cancel(str(batch.provider_batch_id))
            elif cancelled_at is not None and self._now() - cancelled_at > CANCEL_PATIENCE:
                return []
            await asyncio.sleep(pause)
            pause = min(LONGEST_LOOK_SECONDS, pause * 1.5)
            await self._keep(batch, await self._api.state(str(batch.provider_batch_id)))
        return await self._read(work, batch)

    async def _read(self, work: BatchWork, batch: Batch) -> list[LineResult]:
        lines = [*await self._api.lines(batch.output_file_id), *await self._api.lines(batch.error_file_id)]
        results, seen = [], set()
        for line in lines:
            name, reply = str(line.get("custom_id")), reply_of(line)
            if reply is not None and name in batch.requests and name not in seen:
                seen.add(name)
                results.append(work.read(tuple(batch.requests[name]), reply))
        batch.status = "read"

        def book(connection: Connection) -> None:
            queries.save_calls(connection, [result.call for result in results])
            queries.save_answers(connection, [answer for result in results for answer in result.answers])
            queries.save_vectors(connection, [vector for result in results for vector in result.vectors])
            _close(connection, batch)

        await self._write(book)
        # Members' words stay there no longer than they must.
        for file_id in (batch.input_file_id, batch.output_file_id, batch.error_file_id):
            await self._api.delete(file_id)
        return results

    async def _keep(self, batch: Batch, state: BatchState) -> None:
        keep(batch, state)
        await self._write(lambda connection: batch_queries.save_state(connection, batch))

    async def _write(self, write: Callable[[Connection], None]) -> None:
        await self._committer.run(self._ledger.transact, write)

    def _near_deadline(self) -> bool:
        return self._now() >= self._deadline - MARGIN


def deadline(week: date | None, now: datetime) -> datetime:
    """07:00 UTC of the day on which the week closes; for a week that is late already, the batch's own 24 hours."""
    if week is not None:
        on_time = datetime.combine(week + timedelta(days=7), DEADLINE)
        if now < on_time <= now + COMPLETION_WINDOW:
            return on_time
    return now + COMPLETION_WINDOW


def split(lines: Iterable[Line]) -> list[list[Line]]:
    """Lines in batches within the API's limits."""
    batches: list[list[Line]] = []
    size = 0
    for line in lines:
        bytes_of_line = len(line.text.encode()) + 200
        if not batches or len(batches[-1]) >= MOST_REQUESTS or size + bytes_of_line > MOST_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(line)
        size += bytes_of_line
    return batches


def keep(batch: Batch, state: BatchState) -> None:
    """Take over what the provider says of `batch`."""
    batch.provider_batch_id = state.id
    batch.status = _OVER.get(state.status, "submitted")
    batch.input_file_id = state.input_file_id or batch.input_file_id
    batch.output_file_id = state.output_file_id
    batch.error_file_id = state.error_file_id


def reply_of(line: dict[str, object]) -> Reply | None:
    """The answer in a line of a result file, None for a request that failed or was never run."""
    response = line.get("response")
    if not isinstance(response, dict) or response.get("status_code") != 200:
        return None
    body = response.get("body")
    request_id = response.get("request_id")
    return Reply(body if isinstance(body, dict) else None, str(request_id) if request_id else None, {}, 0.0, 0)


def _close(connection: Connection, batch: Batch) -> None:
    batch_queries.save_state(connection, batch)
    queries.release_budget(connection, batch.id)
