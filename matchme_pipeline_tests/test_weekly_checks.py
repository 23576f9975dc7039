"""The checks of an asset share a step and stay checks of their own."""

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    Definitions,
    asset,
    materialize,
)

from matchme_pipeline.definitions import defs
from matchme_pipeline.weekly_assets import weekly_check, weekly_partitions
from matchme_pipeline.weekly_checks import one_step_an_asset

WEEK = "2026-01-04"


@asset(partitions_def=weekly_partitions)
def made() -> None: ...


@asset(partitions_def=weekly_partitions, deps=[made])
def built_on_it() -> None: ...


@weekly_check(asset=made, description="Looks at the week.")
def sees_the_week(context: AssetCheckExecutionContext) -> AssetCheckResult:
    return AssetCheckResult(passed=context.partition_key == WEEK, metadata={"week": context.partition_key})


@weekly_check(asset=made, blocking=True)
def breaks() -> AssetCheckResult:
    raise ValueError("no such table")


@weekly_check(asset=made)
def warns() -> AssetCheckResult:
    return AssetCheckResult(passed=False, severity=AssetCheckSeverity.WARN, description="a little less")


CHECKS = one_step_an_asset([sees_the_week, breaks, warns])


def test_a_check_that_raises_fails_the_step_and_keeps_no_other_from_its_say():
    (joined,) = CHECKS
    result = materialize([made, built_on_it, joined], partition_key=WEEK, raise_on_error=False)
    assert not result.success
    said = {found.check_name: found for found in result.get_asset_check_evaluations()}
    assert (said["sees_the_week"].passed, said["sees_the_week"].metadata["week"].value) == (True, WEEK)
    assert (said["warns"].passed, said["warns"].severity) == (False, AssetCheckSeverity.WARN)
    assert "breaks" not in said
    # What builds on an asset waits for the checks that block.
    assert result.asset_materializations_for_node("built_on_it") == []


def test_a_check_is_executed_alone():
    alone = AssetCheckKey(AssetKey("made"), "warns")
    job = Definitions(assets=[made, built_on_it], asset_checks=CHECKS).resolve_implicit_global_asset_job_def()
    result = job.get_subset(asset_selection=set(), asset_check_selection={alone}).execute_in_process(partition_key=WEEK)
    assert result.success
    assert [found.check_name for found in result.get_asset_check_evaluations()] == ["warns"]


def test_every_check_keeps_its_name_partitions_and_what_it_blocks():
    graph = Definitions(assets=[made, built_on_it], asset_checks=CHECKS).resolve_asset_graph()
    assert {key.name: graph.get(key).blocking for key in graph.asset_check_keys} == {
        "sees_the_week": False,
        "breaks": True,
        "warns": False,
    }
    assert all(graph.get(key).partitions_def == weekly_partitions for key in graph.asset_check_keys)


def test_a_week_has_two_steps_an_asset_at_most():
    graph = defs.resolve_asset_graph()
    assets = {key for key in graph.materializable_asset_keys if graph.get(key).partitions_def is not None}
    assert len(list(defs.resolve_job_def("weekly_batch").nodes)) <= 2 * len(assets)
