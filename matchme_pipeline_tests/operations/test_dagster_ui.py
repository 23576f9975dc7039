"""Every button of Dagster's UI does its thing, on every asset, check, job, schedule and sensor."""

import logging
import os
from collections.abc import Iterator

import pytest
from dagster import DagsterInstance
from dagster._core.execution.backfill import PartitionBackfill
from dagster._daemon.backfill import execute_backfill_iteration

from matchme_pipeline.database.connection import connect
from matchme_pipeline.definitions import defs
from matchme_pipeline.operations import execution, runs
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import Week
from matchme_pipeline.weekly_assets import weekly_partitions
from matchme_pipeline_tests.databases import temporary_database
from matchme_pipeline_tests.materialising import WEEKS
from matchme_pipeline_tests.operations.ui import LOCATION, Ui, open_ui

LAST = WEEKS[-1]
GRAPH = defs.resolve_asset_graph()
ASSETS = sorted(key.to_user_string() for key in GRAPH.materializable_asset_keys)
CHECKS = sorted((key.asset_key.to_user_string(), key.name) for key in GRAPH.asset_check_keys)
SENSORS = sorted(sensor.name for sensor in defs.sensors or [])
SCHEDULES = sorted(schedule.name for schedule in defs.schedules or [])


@pytest.fixture(scope="module")
def url(postgres_url: str, finished_template: str) -> Iterator[str]:
    """A database with finished weeks, and settings that name it."""
    with temporary_database(postgres_url, finished_template) as one:
        os.environ["MATCHME_DATABASE_URL"] = one
        process_settings.cache_clear()
        yield one
        del os.environ["MATCHME_DATABASE_URL"]
        process_settings.cache_clear()


@pytest.fixture(scope="module")
def ui(url: str) -> Iterator[Ui]:
    """The UI after "Materialize all" for the newest of the weeks."""
    assert url
    with open_ui("matchme_pipeline_tests.operations.ui_location") as opened:
        run_id = opened.launch(LAST.key, ASSETS, CHECKS)
        assert opened.status(run_id) == "SUCCESS"
        yield opened


def test_materialise_all_materialises_every_asset_of_the_week(ui: Ui):
    for asset in GRAPH.materializable_asset_keys:
        assert LAST.key in ui.instance.get_materialized_partitions(asset)


def test_one_asset_can_be_materialised_alone(ui: Ui):
    for asset in ("post_hashes", "run_summary"):
        assert ui.status(ui.launch(LAST.key, [asset])) == "SUCCESS"


@pytest.mark.parametrize(("asset", "check"), CHECKS)
def test_a_check_can_be_executed_alone(ui: Ui, asset: str, check: str):
    run_id = ui.launch(LAST.key, checks=[(asset, check)])
    assert ui.status(run_id) == "SUCCESS"
    (evaluation,) = [
        record.asset_check_evaluation
        for record in ui.instance.all_logs(run_id)
        if record.dagster_event is not None and record.asset_check_evaluation is not None
    ]
    assert evaluation.passed, evaluation
    assert evaluation.partition == LAST.key


@pytest.mark.parametrize("key", ["the open week", "a closed week that never ran"])
def test_checks_can_be_executed_for_a_week_without_results(ui: Ui, key: str):
    open_week = weekly_partitions.get_last_partition_key()
    assert open_week is not None
    week = open_week if key == "the open week" else Week.parse(open_week).previous.previous.key
    assert ui.status(ui.launch(week, checks=CHECKS)) == "SUCCESS"


def test_a_range_is_materialised_by_a_backfill(ui: Ui):
    answer = ui.ask(
        """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
            __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
        params={
            "partitionNames": [week.key for week in WEEKS[:2]],
            "assetSelection": [{"path": ["post_hashes"]}],
            "title": "two weeks",
        },
    )["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    backfill: PartitionBackfill | None = None
    for _ in range(6):
        list(execute_backfill_iteration(ui.process, logging.getLogger("backfill")))
        backfill = ui.instance.get_backfill(answer["backfillId"])
        assert backfill is not None
        if backfill.status.value.startswith("COMPLETED"):
            break
    assert backfill is not None
    assert backfill.status.value == "COMPLETED_SUCCESS", backfill.error


@pytest.mark.parametrize("asset", ASSETS)
def test_a_week_can_be_marked_as_materialised(ui: Ui, asset: str):
    answer = ui.ask(
        """mutation ($params: ReportRunlessAssetEventsParams!) { reportRunlessAssetEvents(eventParams: $params) {
            __typename ... on PythonError { message } } }""",
        params={"eventType": "ASSET_MATERIALIZATION", "assetKey": {"path": [asset]}, "partitionKeys": [WEEKS[0].key]},
    )["reportRunlessAssetEvents"]
    assert answer["__typename"] == "ReportRunlessAssetEventsSuccess", answer


def test_a_run_can_be_deleted(ui: Ui):
    run_id = ui.launch(LAST.key, checks=[("dna_scores", "weights_add_up")])
    deleted = ui.ask("mutation ($id: String!) { deletePipelineRun(runId: $id) { __typename } }", id=run_id)
    assert deleted["deletePipelineRun"]["__typename"] == "DeletePipelineRunSuccess"
    assert ui.instance.get_run_by_id(run_id) is None


@pytest.mark.parametrize("job", sorted(job.name for job in defs.jobs or []))
def test_the_launchpad_of_every_job_accepts_its_default(ui: Ui, job: str):
    valid = ui.ask(
        """query ($selector: PipelineSelector!) { isPipelineConfigValid(pipeline: $selector, mode: "default",
            runConfigData: {}) { __typename } }""",
        selector={**LOCATION, "pipelineName": job},
    )["isPipelineConfigValid"]
    assert valid["__typename"] == "PipelineConfigValidationValid"


def test_the_launchpad_launches_jobs(ui: Ui):
    assert ui.status(ui.launch(LAST.key, job="daily_incremental")) == "SUCCESS"
    assert ui.status(ui.launch(None, job="dna_refresh")) == "SUCCESS"


def test_a_failed_run_is_executed_again_from_its_failure(ui: Ui, url: str):
    with connect(url) as connection:
        connection.execute("alter table trait_distribution rename to away")
    try:
        failed = ui.launch(LAST.key, ["post_hashes", "trait_distribution"])
        assert ui.status(failed) == "FAILURE"
    finally:
        with connect(url) as connection:
            connection.execute("alter table away rename to trait_distribution")
    answer = ui.ask(
        """mutation ($run: ReexecutionParams!) { launchPipelineReexecution(reexecutionParams: $run) { __typename
            ... on LaunchRunSuccess { run { runId stepKeysToExecute } } ... on PythonError { message } } }""",
        run={"parentRunId": failed, "strategy": "FROM_FAILURE"},
    )["launchPipelineReexecution"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    assert ui.status(answer["run"]["runId"]) == "SUCCESS"
    assert "post_hashes" not in answer["run"]["stepKeysToExecute"]


@pytest.mark.parametrize("sensor", SENSORS)
def test_a_sensor_can_be_tried_and_switched(ui: Ui, sensor: str):
    selector = {**LOCATION, "sensorName": sensor}
    tried = ui.ask(
        """mutation ($selector: SensorSelector!) { sensorDryRun(selectorData: $selector, cursor: null) {
            __typename ... on DryRunInstigationTick { evaluationResult { error { message } skipReason } }
            ... on PythonError { message } } }""",
        selector=selector,
    )["sensorDryRun"]
    if sensor.startswith("close_") and sensor != "close_lost_runs":
        # Dagster itself tries no sensor that follows runs' ends.
        assert "run status sensor" in str(tried).lower() or tried["__typename"] == "DryRunInstigationTick", tried
    else:
        assert tried["__typename"] == "DryRunInstigationTick", tried
        assert tried["evaluationResult"]["error"] is None, tried
    started = ui.ask(
        """mutation ($selector: SensorSelector!) { startSensor(sensorSelector: $selector) {
            __typename ... on Sensor { sensorState { id selectorId status } } } }""",
        selector=selector,
    )["startSensor"]
    assert started["sensorState"]["status"] == "RUNNING"
    stopped = ui.ask(
        """mutation ($id: String!) { stopSensor(id: $id) {
            __typename ... on StopSensorMutationResult { instigationState { status } } } }""",
        id=started["sensorState"]["id"],
    )["stopSensor"]
    assert stopped["instigationState"]["status"] == "STOPPED"


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_can_be_tried_and_switched(ui: Ui, schedule: str):
    selector = {**LOCATION, "scheduleName": schedule}
    tried = ui.ask(
        """mutation ($selector: ScheduleSelector!, $at: Float!) {
            scheduleDryRun(selectorData: $selector, timestamp: $at) { __typename
            ... on DryRunInstigationTick { evaluationResult { error { message }
            runRequests { runKey tags { key value } } } } } }""",
        selector=selector,
        at=LAST.cutoff.timestamp(),
    )["scheduleDryRun"]
    assert tried["evaluationResult"]["error"] is None
    (request,) = tried["evaluationResult"]["runRequests"]
    tags = {tag["key"]: tag["value"] for tag in request["tags"]}
    # Retention is no work on a week.
    weeks = {"weekly_schedule": LAST.key, "daily_schedule": LAST.match_week.isoformat()}
    assert tags.get("dagster/partition") == weeks.get(schedule)
    started = ui.ask(
        """mutation ($selector: ScheduleSelector!) { startSchedule(scheduleSelector: $selector) {
            __typename ... on ScheduleStateResult { scheduleState { id status } } } }""",
        selector=selector,
    )["startSchedule"]
    assert started["scheduleState"]["status"] == "RUNNING"
    stopped = ui.ask(
        """mutation ($id: String!) { stopRunningSchedule(id: $id) {
            __typename ... on ScheduleStateResult { scheduleState { status } } } }""",
        id=started["scheduleState"]["id"],
    )["stopRunningSchedule"]
    assert stopped["scheduleState"]["status"] == "STOPPED"


def test_runs_of_the_command_stand_in_the_timeline_beside_the_others(ui: Ui):
    instance: DagsterInstance = ui.instance
    job = defs.resolve_job_def(runs.DAILY_JOB)
    result = execution.execute_here(job, instance, LAST.key, tags={})
    assert result.success
    shown = ui.ask(
        """query ($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs { results {
            id repositoryOrigin { repositoryName repositoryLocationName } } } } }""",
        filter={"tags": [{"key": ".dagster/repository", "value": "__repository__@matchme"}], "pipelineName": job.name},
    )["runsOrError"]["results"]
    assert result.run_id in [run["id"] for run in shown]
    for run in shown:
        assert run["repositoryOrigin"] == LOCATION
    run = ui.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["dagster/partition"] == LAST.key
