"""Chooses where Dagster executes steps (MATCHME_EXECUTOR): on this machine, or by Celery, Kubernetes or Docker.

The setting applies to runs that Dagster launches; `matchme run` always uses one process.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import yaml
from dagster import ExecutorDefinition, in_process_executor, multiprocess_executor
from dagster._config import process_config
from psycopg.conninfo import conninfo_to_dict

from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.matching.week.fan_outs import require_fan_out
from matchme_pipeline.operations.celery_config import app_config
from matchme_pipeline.settings import Settings

# Two independent stages run in parallel; more would only compete for the machine's cores.
_STEPS_AT_ONCE = 2
# Steps are forked from one process that has loaded the code; a new process per step would cost seconds.
_PRELOADED = ["matchme_pipeline.definitions"]
# By extra of this package: the package that it installs, and the attribute with the executor.
_INTEGRATIONS = {
    "celery": ("dagster_celery", "matchme_pipeline.operations.celery_steps", "watched_celery_executor"),
    "k8s": ("dagster_k8s", "dagster_k8s", "k8s_job_executor"),
    "docker": ("dagster_docker", "dagster_docker", "docker_executor"),
}
_THIS_MACHINE = {"", "localhost", "127.0.0.1", "::1", "[::1]"}


def executor_of(settings: Settings) -> ExecutorDefinition:
    """The executor that the settings choose, configured. Raises ConfigurationError, as `require` does."""
    require(settings)
    definition = _definition(settings)
    config = _config(settings)
    checked = process_config(definition.config_schema.config_type, config)
    if not checked.success:
        first = checked.errors[0].message if checked.errors else "it has an unexpected shape"
        where = settings.executor_config or "MATCHME_EXECUTOR_IMAGE, MATCHME_CELERY_BROKER"
        raise ConfigurationError(
            f"The configuration of the executor '{settings.executor}' is wrong ({where}): {first}. Correct it there."
        )
    configured: ExecutorDefinition = definition.configured(config, name=definition.name)
    return configured


def require(settings: Settings) -> None:
    """Raise ConfigurationError with the remedy if the chosen executor lacks a package, an address or shared storage.

    On several machines every step needs the same database, the same first week and the same models. Other machines do
    not have the files under this machine's MATCHME_HOME.
    """
    require_fan_out(settings)
    if settings.executor in _INTEGRATIONS:
        _definition(settings)
    if settings.executor == "celery" and settings.celery_broker is None:
        raise ConfigurationError(
            "MATCHME_EXECUTOR=celery needs MATCHME_CELERY_BROKER, the address under which the workers and Dagster "
            "reach the broker (for instance redis://host:6379/0)."
        )
    if settings.executor == "docker" and settings.executor_image is None:
        raise ConfigurationError(
            "MATCHME_EXECUTOR=docker needs MATCHME_EXECUTOR_IMAGE, the image that steps run in "
            "(deploy/container/Dockerfile builds it)."
        )
    if settings.executor in _INTEGRATIONS:
        _require_shared(settings)


def spans_machines(settings: Settings) -> bool:
    """Whether steps may run on another machine, or in a container, than the process that launches them."""
    if settings.executor == "celery" and settings.celery_broker is not None:
        return not _is_this_machine(urlsplit(settings.celery_broker.get_secret_value()).hostname)
    return settings.executor in _INTEGRATIONS


def _require_shared(settings: Settings) -> None:
    name = f"MATCHME_EXECUTOR={settings.executor}"
    if settings.database_url is None:
        raise ConfigurationError(
            f"{name} needs MATCHME_DATABASE_URL: other machines cannot reach the embedded server. Set it to a "
            "PostgreSQL server that every step can reach."
        )
    if not spans_machines(settings):
        return
    for variable, url in (
        ("MATCHME_DATABASE_URL", settings.database_url),
        ("MATCHME_DAGSTER_DATABASE_URL", settings.dagster_database_url),
    ):
        if url is not None and _is_this_machine(_host(url)):
            raise ConfigurationError(
                f"{name} runs steps on other machines, and {variable} names this one ({_host(url) or 'a socket'}). "
                "Set it to a host name that every machine can reach."
            )
    if not settings.is_first_week_stated:
        raise ConfigurationError(
            f"{name} needs MATCHME_FIRST_WEEK, because other machines cannot read the first week that this one stores "
            "under MATCHME_HOME. Set it to the same Sunday on all of them (`matchme status` shows the first week)."
        )
    if settings.compute_logs == "local":
        raise ConfigurationError(
            f"{name} writes the output of steps to the machine that runs them. Set MATCHME_COMPUTE_LOGS=shared if "
            "MATCHME_HOME is a folder that all machines share, otherwise MATCHME_COMPUTE_LOGS=off."
        )
    if settings.llm == "rehearsal":
        raise ConfigurationError(
            f"{name} cannot use MATCHME_LLM=rehearsal, because its server answers on one machine only. Rehearse with "
            "MATCHME_EXECUTOR=multiprocess, or set OPENAI_BASE_URL to a server that all machines can reach."
        )
    if settings.development_tokens:
        raise ConfigurationError(
            f"{name} cannot use MATCHME_DEVELOPMENT_TOKENS=true: their key is under one machine's MATCHME_HOME. "
            "Unset it and set MATCHME_CLERK_ISSUER."
        )


def _definition(settings: Settings) -> ExecutorDefinition:
    if settings.executor == "in_process":
        return in_process_executor
    if settings.executor == "multiprocess":
        return multiprocess_executor
    package, module, attribute = _INTEGRATIONS[settings.executor]
    try:
        import_module(package)
        found: ExecutorDefinition = getattr(import_module(module), attribute)
    except ImportError as error:
        raise ConfigurationError(
            f"MATCHME_EXECUTOR={settings.executor} needs the package {package.replace('_', '-')} ({error}). "
            f"Install it on every machine: pip install 'matchme-pipeline[{settings.executor}]'."
        ) from None
    return found


def _config(settings: Settings) -> dict[str, Any]:
    base: dict[str, Any] = {}
    if settings.executor == "multiprocess":
        base = {"max_concurrent": _STEPS_AT_ONCE, "start_method": {"forkserver": {"preload_modules": _PRELOADED}}}
    if settings.executor == "celery" and settings.celery_broker is not None:
        base = app_config(settings.celery_broker.get_secret_value())
    if settings.executor == "docker":
        # Names only: each container receives the values of the process that launches it.
        base = {"image": settings.executor_image, "env_vars": _variables_set()}
    if settings.executor == "k8s" and settings.executor_image is not None:
        base = {"job_image": settings.executor_image}
    return {**base, **_from_file(settings)}


def _from_file(settings: Settings) -> Mapping[str, Any]:
    """The executor's own configuration, as Dagster documents it for `execution: config:`."""
    if settings.executor_config is None:
        return {}
    try:
        found = yaml.safe_load(settings.executor_config.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"MATCHME_EXECUTOR_CONFIG names {settings.executor_config}, which cannot be read as YAML "
            f"({str(error).splitlines()[0]}). Correct the file or the variable."
        ) from None
    if found is not None and not isinstance(found, dict):
        raise ConfigurationError(
            f"MATCHME_EXECUTOR_CONFIG names {settings.executor_config}, which is not a mapping. Write what "
            "Dagster's documentation lists under `execution: config:`."
        )
    return found or {}


def _variables_set() -> list[str]:
    known = {field.alias for field in Settings.model_fields.values()}
    return sorted(name for name in os.environ if name in known and name != "MATCHME_HOME")


def _host(url: str) -> str | None:
    found = conninfo_to_dict(url).get("host")
    return str(found) if found else None


def _is_this_machine(host: str | None) -> bool:
    return host is None or host in _THIS_MACHINE or host.startswith(("/", "127."))
