"""The ledger: calls and what they paid for, committed together in short transactions of their own."""

import threading
from collections.abc import Sequence

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm import queries
from matchme_pipeline.llm.records import Call, StoredAnswer, StoredVector


class Ledger:
    """Writes calls, answers and vectors over one connection; safe to be used by several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def commit(
        self, calls: Sequence[Call], answers: Sequence[StoredAnswer] = (), vectors: Sequence[StoredVector] = ()
    ) -> None:
        """Book `calls` and keep what they brought, in one transaction; durable when this returns."""
        with self._lock, self._connection.transaction():
            queries.save_calls(self._connection, calls)
            if answers:
                queries.save_answers(self._connection, answers)
            if vectors:
                queries.save_vectors(self._connection, vectors)
