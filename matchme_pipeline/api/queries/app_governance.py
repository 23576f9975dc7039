"""SQL of the app's cost tables and rules."""

from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from matchme_pipeline.api.queries.app_rows import Row, rows
from matchme_pipeline.database.connection import Connection


@dataclass(frozen=True)
class CostRow:
    """Tokens and pence of one model, member and day (UTC)."""

    model: str
    user_id: str | None
    day: date
    tokens: int
    cost_pence: float


def model_cost(connection: Connection, today: date, days: int, pence_per_usd: float) -> list[CostRow]:
    """The cost of the models in the last `days` days, today included.

    The app's assistant records pence per member and day; they are divided among its two models by tokens. The
    pipeline's ledger records USD per call.
    """
    with connection.cursor(row_factory=class_row(CostRow)) as cursor:
        return cursor.execute(
            """
            select model, user_id, day, sum(tokens)::bigint as tokens, sum(cost_pence)::float8 as cost_pence
            from (
                select m.model, u.clerk_user_id as user_id, u.date as day, m.tokens,
                    u.estimated_cost_pence * case
                        when of_both.tokens > 0 then m.tokens::numeric / of_both.tokens
                        when m.model = 'gpt-4o-mini' then 1
                        else 0
                    end as cost_pence
                from mmagent_token_usage u
                cross join lateral (
                    select greatest(coalesce(u.gpt4o_mini_tokens, 0), 0)::bigint as gpt,
                        greatest(coalesce(u.claude_tokens, 0), 0)::bigint as claude
                ) counted
                cross join lateral (select counted.gpt + counted.claude as tokens) of_both
                cross join lateral (
                    values ('gpt-4o-mini', counted.gpt), ('claude', counted.claude)
                ) as m (model, tokens)
                where u.date > %(today)s::date - %(days)s and u.date <= %(today)s
                    and (
                        m.tokens > 0
                        or (u.estimated_cost_pence > 0 and of_both.tokens = 0 and m.model = 'gpt-4o-mini')
                    )
                union all
                select c.model, c.user_id, (c.called_at at time zone 'UTC')::date, c.input_tokens + c.output_tokens,
                    c.cost_usd * %(rate)s
                from llm_calls c
                where c.called_at >= (%(today)s::date - %(days)s + 1)::timestamp at time zone 'UTC'
            ) booked
            group by model, user_id, day
            order by day, model, user_id
            """,
            {"today": today, "days": days, "rate": pence_per_usd},
        ).fetchall()


def alerts(connection: Connection) -> list[Row]:
    """The app's cost alerts, the lowest threshold first."""
    clauses: LiteralString = "order by t.threshold_percent, t.alert_name"
    return rows(connection, "cost_alerts", clauses, [])


def rules(connection: Connection) -> list[Row]:
    """The app's rules, by priority."""
    clauses: LiteralString = "order by t.priority, t.rule_name"
    return rows(connection, "governance_rules", clauses, [], ["conditions"])


def change_rule(connection: Connection, rule_id: UUID, changes: dict[str, Any]) -> Row | None:
    """Set the columns in `changes` (is_active, conditions, action, priority); returns the row, None for an unknown
    rule.
    """
    connection.execute(
        """
        update governance_rules
        set is_active = coalesce(%(is_active)s, is_active), conditions = coalesce(%(conditions)s, conditions),
            action = coalesce(%(action)s, action), priority = coalesce(%(priority)s, priority)
        where id = %(id)s
        """,
        {
            "id": rule_id,
            "is_active": changes.get("is_active"),
            "conditions": Jsonb(changes["conditions"]) if "conditions" in changes else None,
            "action": changes.get("action"),
            "priority": changes.get("priority"),
        },
    )
    found = rows(connection, "governance_rules", "where t.id = %s", [rule_id], ["conditions"])
    return found[0] if found else None
