"""Materialising weeks in tests: Dagster's own machinery over a real database, with the offline models."""

from collections.abc import Sequence
from datetime import date

from dagster import AssetSelection, DagsterInstance, Definitions, ExecuteInProcessResult

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.definitions import defs
from matchme_pipeline.llm.resource import ModelsResource
from matchme_pipeline.operations import runs
from matchme_pipeline.operations.recorded_database import RecordedDatabaseResource
from matchme_pipeline.population.reviews import review_insights
from matchme_pipeline.week import WEEK, Week

MEMBERS = 160
SMALL_MEMBERS = 60
WEEKS = tuple(Week(date(2026, 1, 4) + n * WEEK, is_first=n == 0) for n in range(4))
# Tables whose rows tell of when something ran, not of what came out.
OF_RUNS = {"batch_run_history", "schema_migrations", "matching_reports", "week_reports"}


def materialise(
    url: str,
    week: Week,
    *assets: str,
    instance: DagsterInstance | None = None,
    raise_on_error: bool = True,
    provider: str = "local",
) -> ExecuteInProcessResult:
    """Run the weekly job, or some of its assets, for `week` over the database at `url`."""
    repository = Definitions(
        assets=defs.assets,
        asset_checks=defs.asset_checks,
        jobs=defs.jobs,
        resources={
            "database": RecordedDatabaseResource(url=url),
            "models": ModelsResource(provider=provider),
        },
        loggers=defs.loggers,
    )
    return repository.resolve_job_def(runs.WEEKLY_JOB).execute_in_process(
        partition_key=week.key,
        instance=instance or DagsterInstance.ephemeral(),
        asset_selection=list(AssetSelection.assets(*assets).resolve(repository.resolve_asset_graph()))
        if assets
        else None,
        run_config={"loggers": {"progress": {}}},
        raise_on_error=raise_on_error,
    )


def materialise_in_order(url: str, weeks: Sequence[Week], seed: int = 7) -> None:
    """Materialise `weeks`; before each, members review what the week before offered them."""
    for week in weeks:
        if not week.is_first:
            with connect(url) as connection:
                review_insights(connection, week_cutoff=week.previous.cutoff, seed=seed)
        assert materialise(url, week).success


def rows_of_every_table(connection: Connection, leave_out: set[str] = OF_RUNS) -> dict[str, list[str]]:
    """Every row of every table as text, sorted."""
    tables = connection.execute("select tablename from pg_tables where schemaname = 'public' order by 1").fetchall()
    return {
        table: [row for (row,) in connection.execute(f'select t::text from "{table}" t order by 1').fetchall()]
        for (table,) in tables
        if table not in leave_out
    }


def changed_tables(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    """The names of tables whose rows differ."""
    return [table for table in before if before[table] != after[table]]
