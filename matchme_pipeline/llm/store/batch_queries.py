"""SQL of batches: inserted before submission, found after a restart, closed after they are read."""

import json
import uuid
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.llm.contracts import CallContext

# The usual duration of a stage's batches is computed from this many.
NEWEST_BATCHES = 20


@dataclass
class Batch:
    """One batch: `requests` maps request ids to the keys of their questions."""

    id: uuid.UUID
    kind: str
    stage: str
    week: date | None
    model: str
    status: str
    created_at: datetime
    requests: Mapping[str, Sequence[str]] = field(default_factory=dict)
    provider_batch_id: str | None = None
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    provider: str = "openai"

    @property
    def over(self) -> bool:
        """Has the provider ended the batch, with or without success?"""
        return self.status in ("completed", "expired", "failed", "cancelled")

    def share_of(self, keys: Container[str]) -> float:
        """The share of its questions that is among `keys`."""
        asked = [key for own in self.requests.values() for key in own]
        return sum(key in keys for key in asked) / len(asked) if asked else 0.0


def write_batch(connection: Connection, batch: Batch, context: CallContext) -> None:
    """Insert a batch that is about to be submitted."""
    connection.execute(
        """
        insert into llm_batches (
            id, kind, stage, week, dagster_run_id, provider, model, status, requests, created_at
        )
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            batch.id,
            batch.kind,
            batch.stage,
            batch.week,
            context.dagster_run_id,
            batch.provider,
            batch.model,
            batch.status,
            json.dumps(batch.requests),
            batch.created_at,
        ],
    )


def save_state(connection: Connection, batch: Batch) -> None:
    """Store the provider's state of a batch."""
    connection.execute(
        """
        update llm_batches
        set status = %s, provider_batch_id = %s, input_file_id = %s, output_file_id = %s, error_file_id = %s
        where id = %s and status not in ('read', 'lost')
        """,
        [
            batch.status,
            batch.provider_batch_id,
            batch.input_file_id,
            batch.output_file_id,
            batch.error_file_id,
            batch.id,
        ],
    )


def mark_read(connection: Connection, batch_id: uuid.UUID) -> bool:
    """Mark a batch as read, in the transaction that records its answers; returns whether no run had done so."""
    return (
        connection.execute(
            """
            update llm_batches
            set status = 'read', read_at = clock_timestamp()
            where id = %s and status not in ('read', 'lost')
            """,
            [batch_id],
        ).rowcount
        == 1
    )


def is_read(connection: Connection, batch_id: uuid.UUID) -> bool:
    """Whether a run has read the batch."""
    row = connection.execute("select status = 'read' from llm_batches where id = %s", [batch_id]).fetchone()
    return row is not None and bool(row[0])


def open_batches(
    connection: Connection, model: str | None = None, stage: str | None = None, week: date | None = None
) -> list[Batch]:
    """Batches that no run has read, oldest first; of one model, stage and week, or of all."""
    with connection.cursor(row_factory=class_row(Batch)) as cursor:
        return cursor.execute(
            """
            select id, kind, stage, week, model, status, created_at, requests, provider_batch_id, input_file_id,
                output_file_id, error_file_id, provider
            from llm_batches
            where status not in ('read', 'lost')
                and (%(model)s::text is null or model = %(model)s) and (%(stage)s::text is null or stage = %(stage)s)
                and (%(week)s::date is null or week = %(week)s)
            order by created_at, id
            """,
            {"model": model, "stage": stage, "week": week},
        ).fetchall()


def usual_seconds(connection: Connection, stage: str) -> float | None:
    """The mean seconds from insertion to reading of the newest batches of `stage`."""
    row = connection.execute(
        """
        select extract(epoch from avg(read_at - created_at))::float8
        from (
            select created_at, read_at from llm_batches
            where stage = %s and read_at is not null
            order by created_at desc
            limit %s
        ) newest
        """,
        [stage, NEWEST_BATCHES],
    ).fetchone()
    return row[0] if row else None
