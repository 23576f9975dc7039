"""The ledger: calls and what they paid for, committed together in short transactions of their own."""

import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm import queries
from matchme_pipeline.llm.records import Call, StoredAnswer, StoredVector

T = TypeVar("T")
# A holding that nobody renewed for so long belongs to a process that died.
HOLDING_HOURS = 1


class Ledger:
    """Writes calls, answers, vectors and the budget's holdings over one connection; threads take turns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def commit(
        self,
        calls: Sequence[Call],
        answers: Sequence[StoredAnswer] = (),
        vectors: Sequence[StoredVector] = (),
        holder: uuid.UUID | None = None,
    ) -> None:
        """Book `calls` and keep what they brought, in one transaction; durable when this returns.

        What they cost is taken from what `holder` holds of the budget.
        """
        cost_usd = sum((call.cost_usd for call in calls), Decimal(0))
        with self._lock, self._connection.transaction():
            queries.save_calls(self._connection, calls)
            if answers:
                queries.save_answers(self._connection, answers)
            if vectors:
                queries.save_vectors(self._connection, vectors)
            if holder is not None and cost_usd:
                queries.spend_held(self._connection, holder, cost_usd)

    def hold(
        self, holder: uuid.UUID, week: date | None, usd: Decimal, limit_usd: Decimal, hours: int = HOLDING_HOURS
    ) -> bool:
        """Let `holder` hold `usd` of the week's budget for so many hours; whether the limit allows it."""
        with self._lock, self._connection.transaction():
            return queries.hold_budget(self._connection, holder, week, usd, limit_usd, hours)

    def transact(self, write: Callable[[Connection], T]) -> T:
        """What `write` returns, done in one transaction."""
        with self._lock, self._connection.transaction():
            return write(self._connection)

    def release(self, holder: uuid.UUID) -> None:
        """`holder` needs nothing more."""
        with self._lock, self._connection.transaction():
            queries.release_budget(self._connection, holder)
