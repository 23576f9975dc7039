"""All SQL of the model layer: stored answers and vectors, the ledger, the week's spending."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import copy_rows, read_vectors, stage_rows
from matchme_pipeline.llm.contracts import Usage
from matchme_pipeline.llm.store.records import Call, StoredAnswer, StoredVector

# How many keys one look-up carries.
LOOK_UP = 5_000


def stored_answers(connection: Connection, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The answers kept under `keys`."""
    found: dict[str, dict[str, Any]] = {}
    for first in range(0, len(keys), LOOK_UP):
        rows = connection.execute(
            "select cache_key, answer from content_analyses where cache_key = any(%s)",
            [list(keys[first : first + LOOK_UP])],
        )
        found.update(rows.fetchall())
    return found


def stored_vectors(connection: Connection, model: str, hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """The vectors of `model` kept under content `hashes`: float32 of shape (1536,)."""
    found: dict[str, NDArray[np.float32]] = {}
    for first in range(0, len(hashes), LOOK_UP):
        keys, vectors = read_vectors(
            connection,
            "select content_hash, embedding from content_embeddings where model = %s and content_hash = any(%s)",
            [model, list(hashes[first : first + LOOK_UP])],
        )
        found.update(zip(keys, vectors, strict=True))
    return found


def stored_hashes(connection: Connection, model: str, hashes: Sequence[str]) -> set[str]:
    """Those of `hashes` under which a vector of `model` is kept."""
    found: set[str] = set()
    for first in range(0, len(hashes), LOOK_UP):
        rows = connection.execute(
            "select content_hash from content_embeddings where model = %s and content_hash = any(%s)",
            [model, list(hashes[first : first + LOOK_UP])],
        )
        found.update(row[0] for row in rows)
    return found


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


def save_answers(connection: Connection, answers: Sequence[StoredAnswer]) -> None:
    """Keep `answers` by their keys, inside the caller's transaction; one that is there already stays."""
    columns = [[getattr(a, name) for a in answers] for name in ("key", "stage", "subject", "model", "prompt_version")]
    connection.execute(
        """
        insert into content_analyses (cache_key, stage, content_hash, model, prompt_version, answer, llm_call_id)
        select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::uuid[])
        on conflict (cache_key) do nothing
        """,
        [
            *columns,
            [json.dumps(answer.answer, ensure_ascii=False) for answer in answers],
            [answer.call_id for answer in answers],
        ],
    )


def save_vectors(connection: Connection, vectors: Sequence[StoredVector]) -> None:
    """Keep `vectors` by content hash and model, inside the caller's transaction; one that is there already stays."""
    stage_rows(
        connection,
        "new_embeddings",
        [("content_hash", "text"), ("model", "text"), ("embedding", "vector"), ("llm_call_id", "uuid")],
        ((v.content_hash, v.model, v.vector, v.call_id) for v in vectors),
    )
    connection.execute(
        """
        insert into content_embeddings (content_hash, model, embedding, llm_call_id)
        select content_hash, model, embedding, llm_call_id from new_embeddings
        on conflict (content_hash, model) do nothing
        """
    )


def usage_of(connection: Connection, dagster_run_id: str | None, week: date | None, stage: str) -> Usage:
    """What the ledger holds for one run, week and stage."""
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


def spent_in_week(connection: Connection, week: date | None) -> Decimal:
    """USD that the ledger holds for one week, over all runs and stages."""
    row = connection.execute(
        "select coalesce(sum(cost_usd), 0) from llm_calls where week is not distinct from %s", [week]
    ).fetchone()
    return Decimal(row[0]) if row else Decimal(0)


def hold_budget(
    connection: Connection, holder: uuid.UUID, week: date | None, usd: Decimal, limit_usd: Decimal, hours: int
) -> bool:
    """Let `holder` hold `usd` of the week's budget if everybody's holdings and the ledger stay within the limit.

    Must run inside a transaction; one holder at a time looks and takes. A holding counts for `hours` unless renewed.
    """
    connection.execute("select pg_advisory_xact_lock(hashtext('matchme budget ' || coalesce(%s::text, '')))", [week])
    row = connection.execute(
        """
        select coalesce(
                (select sum(cost_usd) from llm_calls where week is not distinct from %(week)s), 0
            ) + coalesce(
                (
                    select sum(usd) from llm_budget_holdings
                    where week is not distinct from %(week)s and holder <> %(holder)s
                        and held_until > clock_timestamp()
                ), 0
            )
        """,
        {"week": week, "holder": holder},
    ).fetchone()
    if row is None or row[0] + usd > limit_usd:
        return False
    connection.execute(
        """
        insert into llm_budget_holdings (holder, week, usd, held_until)
        values (%s, %s, %s, clock_timestamp() + make_interval(hours => %s))
        on conflict (holder) do update set usd = excluded.usd, held_until = excluded.held_until
        """,
        [holder, week, usd, hours],
    )
    return True


def spend_held(connection: Connection, holder: uuid.UUID, usd: Decimal, hours: int) -> None:
    """What the ledger books now is held no more, inside the caller's transaction; the rest is held for `hours` more."""
    connection.execute(
        """
        update llm_budget_holdings
        set usd = greatest(usd - %s, 0),
            held_until = greatest(held_until, clock_timestamp() + make_interval(hours => %s))
        where holder = %s
        """,
        [usd, hours, holder],
    )


def release_budget(connection: Connection, holder: uuid.UUID) -> None:
    """`holder` needs nothing more."""
    connection.execute("delete from llm_budget_holdings where holder = %s", [holder])


@dataclass(frozen=True)
class Experience:
    """What the ledger knows of one stage's and model's newest calls, for estimates.

    Bytes, input and cached tokens are those of answered calls; `paid_*` hold all that was paid, unusable answers too.
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
        """Input tokens paid for each that was answered: above 1 where answers had to be asked for again."""
        return self.paid_input_tokens / self.input_tokens


def experience(connection: Connection, stage: str, model: str) -> Experience | None:
    """The newest paid calls of `stage` to `model`; None where there are none to learn from."""
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
