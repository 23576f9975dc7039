"""What `deploy/` promises, as far as it can be tried here: units, proxy, containers, values, backup and restore."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from matchme_pipeline.database.connection import Connection, connect, create_database
from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline_tests.materialising import rows_of_every_table

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMMANDS = {"matchme", "dagster-webserver", "dagster-daemon"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_accepts_the_units(tmp_path: Path):
    """The programs are not installed where the units expect them, so that their paths are replaced."""
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text("utf-8")
        (tmp_path / unit.name).write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    units = sorted(str(unit) for unit in tmp_path.iterdir())
    assert len(units) == 8
    checked = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_units_call_what_the_package_installs():
    for unit in (DEPLOY / "systemd").glob("*.service"):
        (program,) = re.findall(r"^ExecStart=/opt/matchme/(\S+)", unit.read_text("utf-8"), re.MULTILINE)
        if program.startswith(".venv/bin/"):
            assert Path(program).name in COMMANDS
            assert (Path(sys.executable).parent / Path(program).name).exists()
        else:
            assert os.access(ROOT / program, os.X_OK)


@pytest.mark.skipif(
    shutil.which("nginx") is None or shutil.which("openssl") is None, reason="there is no nginx or openssl here"
)
def test_nginx_accepts_the_proxys_configuration(tmp_path: Path):
    (tmp_path / "certificates").mkdir()
    key, certificate = tmp_path / "certificates/matchme.key", tmp_path / "certificates/matchme.crt"
    subject = ["-subj", "/CN=example.org", "-days", "1", "-nodes", "-newkey", "rsa:2048", "-x509"]
    subprocess.run(
        ["openssl", "req", *subject, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    # The names of compose's services mean nothing here.
    text = re.sub(r"server (webserver|api|sign-in):", "server 127.0.0.1:", (DEPLOY / "proxy/matchme.conf").read_text())
    (tmp_path / "matchme.conf").write_text(text)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/nginx.pid;\nevents {{}}\nhttp {{ access_log off; include {tmp_path}/matchme.conf; }}\n"
    )
    command = ["nginx", "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "errors")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_image_copies_what_is_there_and_compose_runs_what_it_installs():
    lines = (DEPLOY / "container/Dockerfile").read_text("utf-8").splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "container/compose.yaml").read_text("utf-8"))["services"]
    ours = {name: service for name, service in services.items() if "build" in service}
    assert set(ours) == {"migrate", "webserver", "daemon", "api"}
    assert {service["command"][0] for service in ours.values()} == COMMANDS
    # Nothing but the proxy is reachable from outside.
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert {name for name, service in services.items() if "max-size" not in service["logging"]["options"]} == set()


# The keys that the chart's schema knows (dagster 1.13, helm/dagster/schema), where it refuses others.
CHART: dict[str, set[str]] = {
    "": {
        "dagsterWebserver", "dagster-user-deployments", "postgresql", "generatePostgresqlPasswordSecret",
        "generateCeleryConfigSecret", "rabbitmq", "redis", "flower", "ingress", "imagePullSecrets",
        "computeLogManager", "scheduler", "runLauncher", "pythonLogs", "dagsterDaemon", "busybox", "migrate",
        "telemetry", "serviceAccount", "global", "retention", "additionalInstanceConfig",
    },
    "dagsterWebserver": {
        "replicaCount", "image", "nameOverride", "pathPrefix", "service", "workspace", "env", "envConfigMaps",
        "envSecrets", "deploymentLabels", "labels", "nodeSelector", "affinity", "tolerations", "podSecurityContext",
        "securityContext", "resources", "readinessProbe", "livenessProbe", "startupProbe", "annotations",
        "enableReadOnly", "dbStatementTimeout", "dbPoolRecycle", "logLevel", "schedulerName", "volumeMounts",
        "volumes",
    },
    "dagsterDaemon": {
        "enabled", "image", "runCoordinator", "heartbeatTolerance", "env", "envConfigMaps", "envSecrets",
        "deploymentLabels", "labels", "nodeSelector", "affinity", "tolerations", "podSecurityContext",
        "securityContext", "resources", "livenessProbe", "readinessProbe", "startupProbe", "annotations",
        "runMonitoring", "runRetries", "sensors", "schedules", "schedulerName", "volumeMounts", "volumes",
    },
    "dagsterDaemon.runCoordinator": {"enabled", "type", "config"},
    "dagsterDaemon.runCoordinator.config.queuedRunCoordinator": {
        "maxConcurrentRuns", "tagConcurrencyLimits", "dequeueIntervalSeconds", "dequeueNumWorkers",
        "dequeueUseThreads",
    },
    "dagster-user-deployments": {"enabled", "enableSubchart", "imagePullSecrets", "deployments"},
    "dagster-user-deployments.deployments.0": {
        "name", "image", "dagsterApiGrpcArgs", "codeServerArgs", "includeConfigInLaunchedRuns", "port", "env",
        "envConfigMaps", "envSecrets", "annotations", "nodeSelector", "affinity", "tolerations",
        "podSecurityContext", "securityContext", "resources", "livenessProbe", "readinessProbe", "startupProbe",
        "labels", "volumeMounts", "volumes", "schedulerName",
    },
    "runLauncher": {"type", "config"},
    "runLauncher.config.k8sRunLauncher": {
        "image", "imagePullPolicy", "jobNamespace", "loadInclusterConfig", "kubeconfigFile", "envConfigMaps",
        "envSecrets", "envVars", "volumeMounts", "volumes", "labels", "failPodOnRunFailure", "resources",
        "schedulerName", "securityContext", "runK8sConfig",
    },
    "retention": {"enabled", "sensor", "schedule", "autoMaterialize"},
    "retention.sensor.purgeAfterDays": {"skipped", "success", "failure", "started"},
}  # fmt: skip


@pytest.mark.parametrize("place", CHART)
def test_the_charts_schema_knows_the_values_keys(place: str):
    found: Any = yaml.safe_load((DEPLOY / "helm/values.yaml").read_text("utf-8"))
    for name in filter(None, place.split(".")):
        found = found[int(name)] if name.isdigit() else found[name]
    assert set(found) <= CHART[place]


def test_the_values_repeat_the_limits_of_dagster_yaml():
    values = yaml.safe_load((DEPLOY / "helm/values.yaml").read_text("utf-8"))
    own = yaml.safe_load((ROOT / "dagster.yaml").read_text("utf-8"))
    coordinator = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert coordinator["maxConcurrentRuns"] == own["concurrency"]["runs"]["max_concurrent_runs"]
    assert coordinator["tagConcurrencyLimits"] == own["concurrency"]["runs"]["tag_concurrency_limits"]
    assert values["retention"]["sensor"]["purgeAfterDays"] == own["retention"]["sensor"]["purge_after_days"]
    for document in yaml.safe_load_all((DEPLOY / "helm/api.yaml").read_text("utf-8")):
        assert {"apiVersion", "kind", "metadata", "spec"} == set(document)


def script(name: str, *arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    matchme = home / "matchme"
    matchme.write_text(f'#!/bin/sh\nexec {sys.executable} -m matchme_pipeline.cli.main "$@"\n')
    matchme.chmod(0o755)
    given = {name: value for name, value in os.environ.items() if not name.startswith(("MATCHME_", "OPENAI_"))}
    given |= {"PYTHONPATH": str(ROOT), "MATCHME": str(matchme), **environment}
    return subprocess.run(
        [str(DEPLOY / name), *arguments], capture_output=True, text=True, env=given, cwd=home, check=False
    )


def test_a_backup_is_restored_row_by_row(
    postgres_server: EmbeddedServer, postgres_url: str, finished: Connection, finished_url: str, tmp_path: Path
):
    environment = {
        "PG_BIN": str(postgres_server.tools),
        "MATCHME_DATABASE_URL": finished_url,
        "MATCHME_DAGSTER_DATABASE_URL": postgres_server.url("postgres"),
        "KEEP": "1",
    }
    backups = tmp_path / "backups"
    (backups / "2026-01-01T000000Z").mkdir(parents=True)
    made = script("backup.sh", str(backups), home=tmp_path, **environment)
    assert made.returncode == 0, made.stderr
    backup = Path(made.stdout.strip())
    assert {dump.name for dump in backup.iterdir()} == {"app.dump", "dagster.dump"}
    # The oldest leave.
    assert list(backups.iterdir()) == [backup]
    targets = [create_database(postgres_url, f"restored_{name}") for name in ("app", "dagster")]
    restored = script("restore.sh", str(backup), *targets, home=tmp_path, **environment)
    assert restored.returncode == 0, restored.stderr
    with connect(targets[0]) as connection:
        assert rows_of_every_table(connection, set()) == rows_of_every_table(finished, set())


def test_a_backup_that_fails_leaves_no_folder_that_looks_whole(tmp_path: Path):
    failed = script(
        "backup.sh",
        str(tmp_path / "backups"),
        home=tmp_path,
        PG_BIN="/nowhere",
        MATCHME_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none",
    )
    assert failed.returncode != 0
    assert [folder.suffix for folder in (tmp_path / "backups").iterdir()] == [".partial"]
