"""What stands in the tables in the end, without what may differ between two undisturbed runs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import sql

from matchme_pipeline.database.connection import Connection

# Tables that tell how the work went, not what came out; their truth is judged by rules of their own.
OF_THE_WORK = {
    "batch_run_history",  # a disturbed week has more runs: judged by `verdicts.history`
    "llm_calls",  # and more calls: judged by `verdicts.money`
    "llm_budget_holdings",
    "llm_batches",
    "llm_underway",  # who is asking what at this moment: a killed worker's rows end by themselves
    "matching_reports",  # what the last run found: pairs that are viewed meanwhile are no candidates
    "week_reports",  # what the week's last run took, cost and failed at
    "schema_migrations",
}
# Times at which a row was written: they tell when a run was, and nothing about the week.
WRITTEN_AT = {"updated_at", "computed_at", "calculated_at", "last_calculated_at", "last_updated"}
LEFT_OUT = {
    # The call that paid for an answer, and when: a call in flight at a kill is made again.
    # `answer` is compared without the count of what was dropped on reading, which a spoiled answer raises.
    "content_analyses": {"llm_call_id", "created_at", "answer"},
    "content_embeddings": {"llm_call_id", "created_at"},
    "insight_sources": {"created_at"},
    # At least two weeks from the day of the offer: the clock's.
    "user_insights": {"expires_at"},
    # The app's random id, and when the row was first there.
    "mysoul_dna_scores": {"id", "created_at"},
    # Which run published the row, under its random id, and when.
    "weekly_matches": {"batch_run_id", "created_at"},
    # The job's random id and its life: which run took it when, and how often.
    "batch_processing_queue": {
        "id", "attempts", "last_error", "created_at", "started_at", "completed_at", "scheduled_for", "dagster_run_id",
        "lease_expires_at",
    },
}  # fmt: skip
# What is compared beside the plain columns.
ALSO = {"content_analyses": "(t.answer - 'dropped')::text"}

Rows = dict[str, Counter[str]]


@dataclass(frozen=True)
class Difference:
    """How one table differs: rows that are missing and rows that should not be there."""

    table: str
    missing: int
    surplus: int
    example: str

    def __str__(self) -> str:
        return f"{self.table}: {self.missing} rows missing, {self.surplus} surplus, for instance {self.example[:300]}"


def result_rows(connection: Connection, leave_out: Mapping[str, set[str]] = LEFT_OUT) -> Rows:
    """Every row of every table of the pipeline and the app as text, with how often it is there."""
    tables = connection.execute(
        """
        select c.table_name, array_agg(c.column_name::text order by c.ordinal_position)
        from information_schema.columns c
        join pg_tables t on t.schemaname = c.table_schema and t.tablename = c.table_name
        where c.table_schema = 'public'
        group by 1
        order by 1
        """
    ).fetchall()
    return {
        table: _rows(connection, table, [c for c in columns if c not in WRITTEN_AT | leave_out.get(table, set())])
        for table, columns in tables
        if table not in OF_THE_WORK
    }


def differences(expected: Rows, found: Rows) -> list[Difference]:
    """The tables of `found` whose rows are not those of `expected`."""
    differing = []
    for table in expected.keys() | found.keys():
        missing = expected.get(table, Counter()) - found.get(table, Counter())
        surplus = found.get(table, Counter()) - expected.get(table, Counter())
        if missing or surplus:
            example = next(iter([*missing, *surplus]))
            differing.append(Difference(table, missing.total(), surplus.total(), example))
    return sorted(differing, key=lambda difference: difference.table)


def _rows(connection: Connection, table: str, columns: list[str]) -> Counter[str]:
    parts = [sql.SQL("t.{}").format(sql.Identifier(column)) for column in columns]
    parts += [sql.SQL(ALSO[table])] if table in ALSO else []
    # A vector of 1536 numbers is told by its digest.
    statement = sql.SQL("select case when length(r) > 2000 then left(r, 200) || md5(r) else r end from ({}) x").format(
        sql.SQL("select row({})::text as r from {} t").format(sql.SQL(", ").join(parts), sql.Identifier(table))
    )
    return Counter(row for (row,) in connection.execute(statement))
