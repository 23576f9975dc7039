"""SQL of the ledger: rows of calls, their sums, and figures for estimates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import copy_rows
from matchme_pipeline.llm.contracts import Usage
from matchme_pipeline.llm.store.records import Call


def save_calls(connection: Connection, calls: Sequence[Call]) -> None:
    """Add `calls` to the ledger, inside the caller's transaction."""
    copy_rows(
        connection,
        "llm_calls",
        [
            "id", "dagster_run_id", "week", "stage", "user_id", "provider", "model", "mode", "request_id", "items",
            "attempt", "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "cost_usd",
            "latency_seconds", "outcome", "error", "price_version", "request_bytes",
        ],
        [
            "uuid", "text", "date", "text", "text", "text", "text", "text", "text", "int4",
            "int4", "int8", "int8", "int8", "int8", "numeric",
            "float8", "text", "text", "text", "int8",
        ],
        [
            (
                call.id, call.context.dagster_run_id, call.context.week, call.context.stage, call.member_id,
                call.provider, call.model, call.mode, call.request_id, call.items,
                call.attempt, call.usage.input_tokens, call.usage.cached_input_tokens, call.usage.cache_write_tokens,
                call.usage.output_tokens, call.cost_usd,
                call.latency_seconds, call.outcome, call.error, call.price_version, call.request_bytes,
            )
            for call in calls
        ],
    )  # fmt: skip


def usage_of(connection: Connection, dagster_run_id: str | None, week: date | None, stage: str) -> Usage:
    """The ledger's sums for one run, week and stage."""
    row = connection.execute(
        """
        select count(*), coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(cached_input_tokens), 0)::bigint,
            coalesce(sum(output_tokens), 0)::bigint, coalesce(sum(cost_usd), 0)
        from llm_calls
        where stage = %s and dagster_run_id is not distinct from %s and week is not distinct from %s
        """,
        [stage, dagster_run_id, week],
    ).fetchone()
    return Usage(*row) if row else Usage()


@dataclass(frozen=True)
class Experience:
    """Figures of one stage's and model's newest calls, for estimates.

    Bytes, input and cached tokens are those of answered calls; `paid_*` include all paid calls, also unusable answers.
    """

    calls: int
    answered_calls: int
    items: int
    request_bytes: int
    input_tokens: int
    cached_input_tokens: int
    paid_input_tokens: int
    paid_output_tokens: int
    mean_latency_seconds: float | None

    @property
    def input_tokens_a_byte(self) -> float:
        """Tokens billed per byte sent."""
        return self.input_tokens / self.request_bytes

    @property
    def cached_share(self) -> float:
        """The share of input tokens that was billed as cached."""
        return self.cached_input_tokens / self.input_tokens

    @property
    def output_tokens_an_item(self) -> float:
        """Output tokens paid for each item that was answered."""
        return self.paid_output_tokens / self.items

    @property
    def repeats(self) -> float:
        """Input tokens paid per answered one: above 1 if answers had to be requested again."""
        return self.paid_input_tokens / self.input_tokens


def experience(connection: Connection, stage: str, model: str) -> Experience | None:
    """The newest paid calls of `stage` to `model`; None if there are none."""
    row = connection.execute(
        """
        select count(*), count(*) filter (where answered), coalesce(sum(items) filter (where answered), 0),
            coalesce(sum(request_bytes) filter (where answered), 0)::bigint,
            coalesce(sum(input_tokens) filter (where answered), 0)::bigint,
            coalesce(sum(cached_input_tokens) filter (where answered), 0)::bigint,
            coalesce(sum(input_tokens), 0)::bigint,
            coalesce(sum(output_tokens), 0)::bigint,
            avg(latency_seconds)
        from (
            select *, outcome in ('ok', 'partial') as answered
            from llm_calls
            where stage = %s and model = %s and request_bytes > 0 and input_tokens > 0
            order by called_at desc
            limit 2000
        ) newest
        """,
        [stage, model],
    ).fetchone()
    found = Experience(*row) if row else None
    return found if found is not None and found.input_tokens and found.items else None
