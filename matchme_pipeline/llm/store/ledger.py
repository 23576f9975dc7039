"""The ledger: commits calls together with the answers that they paid for, in short transactions."""

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.store import answer_queries, budget_queries, ledger_queries, threshold_queries
from matchme_pipeline.llm.store.records import Call, StoredAnswer, StoredVector

T = TypeVar("T")
# A reservation that was not renewed for this long belongs to a dead process.
RESERVATION_HOURS = 1
# How often spending is compared with the thresholds; the sum of a large week takes about ten milliseconds.
WATCH_SECONDS = 1.0


class Ledger:
    """Writes calls, answers, vectors and reservations over one connection. Thread-safe.

    A passed threshold of the week's `budget_usd` is recorded right after the calls that passed it, once a week.
    """

    def __init__(self, connection: Connection, budget_usd: Decimal | None = None) -> None:
        self._connection = connection
        self._budget_usd = budget_usd
        self._lock = threading.Lock()
        self._unwatched: set[date] = set()
        self._watched_at = float("-inf")

    def commit(
        self,
        calls: Sequence[Call],
        answers: Sequence[StoredAnswer] = (),
        vectors: Sequence[StoredVector] = (),
        holder: uuid.UUID | None = None,
    ) -> None:
        """Record `calls` and store their results, in one transaction; durable on return.

        Their cost reduces the reservation of `holder`.
        """
        cost_usd = sum((call.cost_usd for call in calls), Decimal(0))
        with self._lock, self._connection.transaction():
            ledger_queries.save_calls(self._connection, calls)
            if answers:
                answer_queries.save_answers(self._connection, answers)
            if vectors:
                answer_queries.save_vectors(self._connection, vectors)
            if holder is not None and cost_usd:
                budget_queries.spend_reserved(self._connection, holder, cost_usd, RESERVATION_HOURS)
        self.spent({call.context.week for call in calls if call.cost_usd})

    def spent(self, weeks: Iterable[date | None]) -> None:
        """Note that a committed transaction spent from these weeks' budgets."""
        if self._budget_usd is None:
            return
        self._unwatched.update(week for week in weeks if week is not None)
        if time.monotonic() - self._watched_at >= WATCH_SECONDS:
            self.watch_thresholds()

    def watch_thresholds(self) -> None:
        """Record the thresholds that spending has passed since the last check.

        The process that spends last also checks last and sees all committed spending, so no crossing is missed.
        """
        with self._lock:
            weeks, self._unwatched = self._unwatched, set()
            self._watched_at = time.monotonic()
            if self._budget_usd is not None:
                for week in sorted(weeks):
                    threshold_queries.book_crossings(self._connection, week, self._budget_usd)

    def hold(
        self, holder: uuid.UUID, week: date | None, usd: Decimal, limit_usd: Decimal, hours: int = RESERVATION_HOURS
    ) -> bool:
        """Let `holder` reserve `usd` of the week's budget; returns whether the limit allows it."""
        with self._lock, self._connection.transaction():
            return budget_queries.hold_budget(self._connection, holder, week, usd, limit_usd, hours)

    def transact(self, write: Callable[[Connection], T]) -> T:
        """The result of `write`, executed in one transaction."""
        with self._lock, self._connection.transaction():
            return write(self._connection)

    def release(self, holder: uuid.UUID) -> None:
        """Release the reservation of `holder`."""
        with self._lock, self._connection.transaction():
            budget_queries.release_budget(self._connection, holder)
