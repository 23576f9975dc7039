"""Kubernetes and Docker, as far as they can be tried without them.

The instance's and the run's configuration go through Dagster's own schema, and a step is executed by the very command
that a pod or a container gets. No pod and no container is started.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._grpc.types import ExecuteStepArgs

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import connect
from matchme_pipeline.operations import executors
from matchme_pipeline.settings import load_settings
from matchme_pipeline_tests.materialising import WEEKS

pytestmark = [
    pytest.mark.skipif("TEST_DISTRIBUTED" not in os.environ, reason="run by make test-distributed"),
    pytest.mark.skipif(
        importlib.util.find_spec("dagster_k8s") is None or importlib.util.find_spec("dagster_docker") is None,
        reason="the extras `k8s` and `docker` are missing",
    ),
]
WEEK = WEEKS[0]
ELSEWHERE = {
    "MATCHME_DATABASE_URL": "postgresql://user@db.internal/app",
    "MATCHME_FIRST_WEEK": WEEK.key,
    "MATCHME_COMPUTE_LOGS": "off",
    "MATCHME_EXECUTOR_IMAGE": "registry.example.org/matchme:1.0.0",
}
LAUNCHERS: dict[str, dict[str, Any]] = {
    "k8s": {
        "module": "dagster_k8s",
        "class": "K8sRunLauncher",
        "config": {
            "service_account_name": "matchme",
            "instance_config_map": "matchme-instance",
            "dagster_home": "/opt/matchme",
            "job_image": "registry.example.org/matchme:1.0.0",
            "load_incluster_config": False,
            "env_secrets": ["matchme"],
        },
    },
    "docker": {"module": "dagster_docker", "class": "DockerRunLauncher", "config": {"network": "matchme"}},
}


@pytest.mark.parametrize("executor", ["k8s", "docker"])
def test_the_runs_configuration_passes_dagsters_schema(executor: str, tmp_path: Path):
    file = tmp_path / "executor.yaml"
    file.write_text("max_concurrent: 4\nretries: {disabled: {}}\n")
    settings = load_settings(None, ELSEWHERE | {"MATCHME_EXECUTOR": executor, "MATCHME_EXECUTOR_CONFIG": str(file)})
    assert executors.executor_of(settings).name == executor


@pytest.mark.parametrize("executor", ["k8s", "docker"])
def test_the_instances_configuration_passes_dagsters_schema(
    executor: str, tmp_path: Path, app_database_url: str, monkeypatch: pytest.MonkeyPatch
):
    from matchme_pipeline.settings import process_settings

    monkeypatch.setenv("MATCHME_DATABASE_URL", app_database_url)
    process_settings.cache_clear()
    config = yaml.safe_load((files.dagster_home() / "dagster.yaml").read_text("utf-8"))
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({**config, "run_launcher": LAUNCHERS[executor]}))
    if executor == "k8s":
        (tmp_path / "kubeconfig").write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "c",
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                    "users": [{"name": "u", "user": {}}],
                }
            )
        )
        LAUNCHERS["k8s"]["config"]["kubeconfig_file"] = str(tmp_path / "kubeconfig")
        (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({**config, "run_launcher": LAUNCHERS[executor]}))
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert type(instance.run_launcher).__name__ == LAUNCHERS[executor]["class"]
    process_settings.cache_clear()


def test_a_step_is_executed_by_the_command_that_a_pod_or_container_gets(
    seeded_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    environment = {
        "DAGSTER_HOME": str(files.dagster_home()),
        "MATCHME_DATABASE_URL": seeded_url,
        "MATCHME_HOME": str(tmp_path),
        "MATCHME_COMPUTE_LOGS": "off",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    from matchme_pipeline.settings import process_settings

    process_settings.cache_clear()
    repository = ReconstructableRepository.for_module("matchme_pipeline.definitions", "defs")
    job = ReconstructableJob(repository, "weekly_batch")
    with DagsterInstance.get() as instance:
        run = instance.create_run_for_job(
            job.get_definition(), tags={"dagster/partition": WEEK.key}, job_code_origin=job.get_python_origin()
        )
        command = ExecuteStepArgs(
            job.get_python_origin(), run.run_id, ["post_hashes"], instance.get_ref()
        ).get_command_args()
        result = subprocess.run(
            [sys.executable, "-m", *command], env=dict(os.environ), capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr[-2000:]
        with connect(seeded_url) as connection:
            assert connection.execute("select count(*) > 0 from content_items").fetchone() == (True,)
            # Others of the run's steps are to come, in processes of their own.
            assert connection.execute("select status, worker from batch_run_history").fetchall() == [("running", None)]
    process_settings.cache_clear()
