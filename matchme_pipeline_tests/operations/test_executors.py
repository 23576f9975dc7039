"""The executor of the settings: refused at start, in one sentence with the remedy, where something is missing."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import in_process_executor

from matchme_pipeline.database import files
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.operations import executors
from matchme_pipeline.settings import load_settings

ELSEWHERE = {
    "MATCHME_DATABASE_URL": "postgresql://user@db.internal/app",
    "MATCHME_CELERY_BROKER": "redis://broker.internal:6379/0",
    "MATCHME_FIRST_WEEK": "2026-01-04",
    "MATCHME_COMPUTE_LOGS": "off",
    "MATCHME_EXECUTOR_IMAGE": "matchme:1",
}
# Stands in for an environment without the extras, whatever is installed here.
WITHOUT_EXTRAS = """
import sys
class Absent:
    def find_spec(self, name, *_):
        if name.split(".")[0] in ("dagster_celery", "dagster_k8s", "dagster_docker"):
            raise ModuleNotFoundError(f"No module named '{name}'")
sys.meta_path.insert(0, Absent())
"""
INSTALLED = """
import sys
from types import ModuleType
from dagster import multiprocess_executor
for package in ("dagster_celery", "dagster_k8s", "dagster_docker"):
    sys.modules[package] = ModuleType(package)
sys.modules["dagster_k8s"].k8s_job_executor = sys.modules["dagster_docker"].docker_executor = multiprocess_executor
celery_steps = sys.modules["matchme_pipeline.operations.celery_steps"] = ModuleType("celery_steps")
celery_steps.watched_celery_executor = multiprocess_executor
"""


# What stands in for the installation, and the environments of all tests below: each asked once, in one process.
ASK = """
import json, sys
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.operations import executors
from matchme_pipeline.settings import load_settings
said = []
for environment in json.load(sys.stdin):
    try:
        executors.require(load_settings(None, environment))
        said.append("")
    except ConfigurationError as error:
        said.append(str(error))
print(json.dumps(said))
"""


def answers(before: str, environments: list[dict[str, str]]) -> Iterator[str]:
    """What a process says to each of `environments` that ask for an executor; nothing to one that is not refused."""
    result = subprocess.run(
        [sys.executable, "-c", before + ASK],
        env=clean(), input=json.dumps(environments), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return iter(json.loads(result.stdout))


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("MATCHME_", "OPENAI_"))}


def test_a_missing_extra_is_named_with_the_command_that_installs_it():
    extras = ("celery", "k8s", "docker")
    said = answers(WITHOUT_EXTRAS, [ELSEWHERE | {"MATCHME_EXECUTOR": executor} for executor in extras])
    for executor, sentence in zip(extras, said, strict=True):
        assert f"pip install 'matchme-pipeline[{executor}]'" in sentence
        assert "\n" not in sentence


def test_a_fan_out_without_its_package_is_refused_with_the_command_that_installs_it():
    environments = [{"MATCHME_MATCHING_FAN_OUT": fan_out} for fan_out in ("ray", "threads")]
    of_ray, of_threads = answers('import sys\nsys.modules["ray"] = None\n', environments)
    assert of_ray.endswith("pip install 'matchme-pipeline[ray]'.")
    assert "\n" not in of_ray
    assert of_threads == ""


# An executor, what is otherwise than on several machines, and what is said to it.
REFUSED = [
    ("celery", {"MATCHME_CELERY_BROKER": ""}, "MATCHME_CELERY_BROKER"),
    ("docker", {"MATCHME_EXECUTOR_IMAGE": ""}, "MATCHME_EXECUTOR_IMAGE"),
    ("celery", {"MATCHME_DATABASE_URL": "", "MATCHME_CELERY_BROKER": "redis://localhost/0"}, "embedded server"),
    ("k8s", {"MATCHME_DATABASE_URL": ""}, "embedded server"),
    ("docker", {"MATCHME_DATABASE_URL": "postgresql://user@localhost/app"}, "names this one (localhost)"),
    ("celery", {"MATCHME_DATABASE_URL": "postgresql:///app?host=/run/postgresql"}, "names this one (/run"),
    (
        "k8s",
        {"MATCHME_DAGSTER_DATABASE_URL": "postgresql://127.0.0.1/d"},
        "MATCHME_DAGSTER_DATABASE_URL names this",
    ),
    ("celery", {"MATCHME_FIRST_WEEK": ""}, "MATCHME_FIRST_WEEK"),
    ("k8s", {"MATCHME_COMPUTE_LOGS": ""}, "MATCHME_COMPUTE_LOGS=shared"),
    ("celery", {"MATCHME_LLM": "rehearsal"}, "rehearsal"),
    ("docker", {"MATCHME_DEVELOPMENT_TOKENS": "true"}, "MATCHME_DEVELOPMENT_TOKENS"),
]
ACCEPTED: list[tuple[str, dict[str, str]]] = [
    ("celery", {}),
    ("k8s", {"MATCHME_EXECUTOR_IMAGE": ""}),
    ("docker", {}),
    # One machine, several workers: what lies on it is there for all of them.
    (
        "celery",
        {
            "MATCHME_CELERY_BROKER": "redis://localhost/0",
            "MATCHME_DATABASE_URL": "postgresql://localhost/app",
            "MATCHME_COMPUTE_LOGS": "",
            "MATCHME_FIRST_WEEK": "",
        },
    ),
]


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What is said to each of the environments above, by their text."""
    environments = [ELSEWHERE | {"MATCHME_EXECUTOR": one[0], **one[1]} for one in (*REFUSED, *ACCEPTED)]
    return dict(zip(map(str, environments), answers(INSTALLED, environments), strict=True))


@pytest.mark.parametrize(("executor", "change", "says"), REFUSED)
def test_what_another_machine_cannot_reach_is_refused_with_the_remedy(
    said: dict[str, str], executor: str, change: dict[str, str], says: str
):
    sentence = said[str(ELSEWHERE | {"MATCHME_EXECUTOR": executor, **change})]
    assert says in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(("executor", "change"), ACCEPTED)
def test_what_every_machine_reaches_is_accepted(said: dict[str, str], executor: str, change: dict[str, str]):
    assert said[str(ELSEWHERE | {"MATCHME_EXECUTOR": executor, **change})] == ""


def test_the_code_location_is_refused_with_the_same_sentence():
    """As Dagster's own processes and the API's launches load it."""
    result = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "matchme_pipeline.definitions"],
        env=clean() | {"MATCHME_EXECUTOR": "celery", "DAGSTER_DISABLE_TELEMETRY": "1"},
        cwd=files.dagster_home(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "ConfigurationError" in result.stdout + result.stderr


@pytest.mark.parametrize("command", ["dev", "api"])
def test_a_service_does_not_start_under_an_executor_that_lacks_something(command: str, tmp_path: Path):
    environment = clean() | {"MATCHME_EXECUTOR": "docker", "MATCHME_HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-m", "matchme_pipeline.cli.main", command, "--port", str(free_port())],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode != 0
    assert result.stderr.startswith("matchme: MATCHME_EXECUTOR=docker needs")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_the_default_forks_steps_from_one_loaded_process():
    config = executors.executor_of(load_settings(None, {}))
    assert config.name == "multiprocess"
    assert executors.executor_of(load_settings(None, {"MATCHME_EXECUTOR": "in_process"})).name == (
        in_process_executor.name
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [("max_concurrent: many", "Invalid"), ("unknown: 1", "unknown"), ("[1]", "not a mapping"), ("a: [", "YAML")],
)
def test_a_wrong_configuration_of_the_executor_names_its_file(tmp_path: Path, text: str, says: str):
    file = tmp_path / "executor.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        executors.executor_of(load_settings(None, {"MATCHME_EXECUTOR_CONFIG": str(file)}))
    assert says in str(refusal.value)
    assert str(file) in str(refusal.value)


def test_the_executors_configuration_can_be_given_in_a_file(tmp_path: Path):
    file = tmp_path / "executor.yaml"
    file.write_text("max_concurrent: 6\n")
    executors.executor_of(load_settings(None, {"MATCHME_EXECUTOR_CONFIG": str(file)}))


def test_a_broker_of_an_unknown_kind_is_named_with_its_variable():
    with pytest.raises(ConfigurationError, match="MATCHME_CELERY_BROKER is wrong: must start with one of redis://"):
        load_settings(None, {"MATCHME_CELERY_BROKER": "http://broker"})
