"""Dagster's storage after pruning: shorter, and it still knows which weeks are there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterEventType, asset, materialize
from dagster._core.test_utils import instance_for_test

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.database.retention import prune_events
from matchme_pipeline.weekly_assets import weekly_partitions
from matchme_pipeline_tests.cli.test_errors import matchme

WEEK = "2026-01-04"


@asset(partitions_def=weekly_partitions)
def thing() -> None:
    pass


def test_old_events_leave_and_weeks_stay(empty_database_url: str):
    storage = {"postgres": {"postgres_url": empty_database_url.replace("postgresql://", "postgresql+psycopg2://")}}
    with (
        instance_for_test(overrides={"storage": storage}) as instance,
        connect(empty_database_url, vectors=False) as db,
    ):
        old, new = (materialize([thing], instance=instance, partition_key=WEEK).run_id for _ in range(2))
        db.execute("update event_logs set timestamp = timestamp - interval '100 days' where run_id = %s", [old])
        count = "select count(*) from event_logs where run_id = %s"
        before = {run: db.execute(count, [run]).fetchone() for run in (old, new)}
        assert prune_events(db, datetime.now(UTC) - timedelta(days=90)) > 0
        after = {run: db.execute(count, [run]).fetchone() for run in (old, new)}
        assert after[old] < before[old]
        assert after[new] == before[new]
        assert instance.get_materialized_partitions(AssetKey("thing")) == {WEEK}
        kept = {record.dagster_event_type for record in instance.all_logs(old)}
        assert {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.RUN_SUCCESS} <= kept
        with pytest.raises(ValueError, match="seven days"):
            prune_events(db, datetime.now(UTC))


def test_the_command_prunes_the_schema_beside_the_apps_tables(
    app_database: Connection, app_database_url: str, tmp_path: Path
):
    given = {"MATCHME_DATABASE_URL": app_database_url, "MATCHME_FIRST_WEEK": "2026-01-04"}
    before = matchme("db", "prune", "--days", "30", cwd=tmp_path, **given)
    assert (before.returncode, before.stdout) == (0, "0 events older than 30 days are removed\n"), before.stderr
    app_database.execute("create table dagster.runs (run_id text, status text)")
    app_database.execute(
        "create table dagster.event_logs (run_id text, asset_key text, dagster_event_type text, timestamp timestamp)"
    )
    app_database.execute("insert into dagster.runs values ('r', 'SUCCESS'), ('at-work', 'STARTED')")
    app_database.execute(
        """
        insert into dagster.event_logs
        values ('r', null, 'STEP_START', '2020-01-01'), ('r', null, 'RUN_SUCCESS', '2020-01-01'),
            ('r', '["a"]', 'ASSET_MATERIALIZATION', '2020-01-01'), ('at-work', null, 'STEP_START', '2020-01-01')
        """
    )
    pruned = matchme("db", "prune", "--days", "30", cwd=tmp_path, **given)
    assert (pruned.returncode, pruned.stdout) == (0, "1 events older than 30 days are removed\n"), pruned.stderr
    assert app_database.execute("select count(*) from dagster.event_logs").fetchone() == (3,)
