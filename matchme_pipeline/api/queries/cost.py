"""SQL of cost: the ledger by week, stage, model, day and member, and the rest of a budget."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, LiteralString

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection

Dimension = Literal["week", "stage", "model", "day", "member"]


@dataclass(frozen=True)
class CostRow:
    """The sum of the ledger's calls under one key."""

    key: str
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: Decimal


_BY_WEEK: LiteralString = """
    select coalesce(week::text, 'none') as key, count(*) as calls, sum(input_tokens)::bigint as input_tokens,
        sum(cached_input_tokens)::bigint as cached_input_tokens, sum(output_tokens)::bigint as output_tokens,
        sum(cost_usd) as cost_usd
    from llm_calls where called_at >= %s group by week order by week desc nulls last limit %s
    """
_BY_STAGE: LiteralString = """
    select stage as key, count(*) as calls, sum(input_tokens)::bigint as input_tokens,
        sum(cached_input_tokens)::bigint as cached_input_tokens, sum(output_tokens)::bigint as output_tokens,
        sum(cost_usd) as cost_usd
    from llm_calls where called_at >= %s group by stage order by sum(cost_usd) desc, stage limit %s
    """
_BY_MODEL: LiteralString = """
    select model as key, count(*) as calls, sum(input_tokens)::bigint as input_tokens,
        sum(cached_input_tokens)::bigint as cached_input_tokens, sum(output_tokens)::bigint as output_tokens,
        sum(cost_usd) as cost_usd
    from llm_calls where called_at >= %s group by model order by sum(cost_usd) desc, model limit %s
    """
_BY_DAY: LiteralString = """
    select ((called_at at time zone 'UTC')::date)::text as key, count(*) as calls,
        sum(input_tokens)::bigint as input_tokens, sum(cached_input_tokens)::bigint as cached_input_tokens,
        sum(output_tokens)::bigint as output_tokens, sum(cost_usd) as cost_usd
    from llm_calls where called_at >= %s group by 1 order by 1 desc limit %s
    """
_BY_MEMBER: LiteralString = """
    select user_id as key, count(*) as calls, sum(input_tokens)::bigint as input_tokens,
        sum(cached_input_tokens)::bigint as cached_input_tokens, sum(output_tokens)::bigint as output_tokens,
        sum(cost_usd) as cost_usd
    from llm_calls where called_at >= %s and user_id is not null
    group by user_id order by sum(cost_usd) desc, user_id limit %s
    """
_STATEMENTS: dict[Dimension, LiteralString] = {
    "week": _BY_WEEK,
    "stage": _BY_STAGE,
    "model": _BY_MODEL,
    "day": _BY_DAY,
    "member": _BY_MEMBER,
}


def cost_by(connection: Connection, dimension: Dimension, since: date, limit: int) -> list[CostRow]:
    """The ledger since a day (UTC), summed by one dimension; most expensive first, weeks and days newest first."""
    with connection.cursor(row_factory=class_row(CostRow)) as cursor:
        return cursor.execute(_STATEMENTS[dimension], [since, limit]).fetchall()


def total_cost(connection: Connection, since: date) -> Decimal:
    """The ledger's sum since a day, USD."""
    row = connection.execute(
        "select coalesce(sum(cost_usd), 0) from llm_calls where called_at >= %s", [since]
    ).fetchone()
    return Decimal(row[0]) if row else Decimal(0)


def spent_in_week(connection: Connection, week: date) -> Decimal:
    """The cost of the week so far over all its runs, in USD."""
    row = connection.execute("select coalesce(sum(cost_usd), 0) from llm_calls where week = %s", [week]).fetchone()
    return Decimal(row[0]) if row else Decimal(0)
