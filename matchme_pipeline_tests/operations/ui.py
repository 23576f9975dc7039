"""Dagster's UI without a browser: the GraphQL that its buttons send, over a location loaded as the webserver does."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dagster import DagsterInstance
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget, instance_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster_graphql.client.query import LAUNCH_PIPELINE_EXECUTION_MUTATION
from dagster_graphql.test.utils import execute_dagster_graphql

ASSET_JOB = "__ASSET_JOB"
LOCATION = {"repositoryLocationName": "matchme", "repositoryName": "__repository__"}
_LAUNCHER = {"module": "dagster._core.launcher.sync_in_memory_run_launcher", "class": "SyncInMemoryRunLauncher"}
_COORDINATOR = {"module": "dagster._core.run_coordinator.default_run_coordinator", "class": "DefaultRunCoordinator"}


class Ui:
    """What a person can press; a launched run has ended when the answer comes."""

    def __init__(self, process: WorkspaceProcessContext) -> None:
        self.process = process
        self.instance: DagsterInstance = process.instance

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of one query."""
        answer = execute_dagster_graphql(self.process.create_request_context(), query, variables)
        assert not answer.errors, answer.errors
        return dict(answer.data)

    def launch(
        self,
        week: str | None,
        assets: Sequence[str] = (),
        checks: Sequence[tuple[str, str]] = (),
        job: str = ASSET_JOB,
    ) -> str:
        """Press "Materialize", "Execute" or, in a job's launchpad, "Launch run"; the run's id."""
        selector = {
            **LOCATION,
            "pipelineName": job,
            "assetSelection": [{"path": [name]} for name in assets] if job == ASSET_JOB else None,
            "assetCheckSelection": [{"assetKey": {"path": [asset]}, "name": name} for asset, name in checks]
            if job == ASSET_JOB
            else None,
        }
        tags = [{"key": "dagster/partition", "value": week}] if week else []
        answer = self.ask(
            LAUNCH_PIPELINE_EXECUTION_MUTATION,
            executionParams={"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": tags}},
        )["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def status(self, run_id: str) -> str:
        """How the run ended."""
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status.value


@contextmanager
def open_ui(module: str) -> Iterator[Ui]:
    """The UI over `module`, with an instance of its own."""
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name=module)
    origin = InProcessCodeLocationOrigin(target, location_name="matchme")
    with (
        instance_for_test(overrides={"run_launcher": _LAUNCHER, "run_coordinator": _COORDINATOR}) as instance,
        WorkspaceProcessContext(instance, InProcessTestWorkspaceLoadTarget(origin)) as process,
    ):
        yield Ui(process)
