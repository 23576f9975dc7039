"""Dagster's storage, located by the pipeline's settings, so that every Dagster command works unchanged."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from matchme_pipeline.database.connection import connect
from matchme_pipeline.database.dagster_addresses import URL_VARIABLE, files_dir, storage_url
from matchme_pipeline.settings import process_settings


class PipelineStorage(DagsterPostgresStorage):
    """Dagster's PostgreSQL storage at the configured place."""

    @classmethod
    def config_type(cls) -> Any:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "PipelineStorage":  # noqa: ARG003
        """Open the storage."""
        url = os.environ.get(URL_VARIABLE) or storage_url(process_settings())
        with _created_by_one_process(url):
            return cls(url, inst_data=inst_data)

    @property
    def event_storage_data(self) -> ConfigurableClassData | None:
        """How another process opens the event log."""
        return self._part("PostgresEventLogStorage")

    @property
    def run_storage_data(self) -> ConfigurableClassData | None:
        """How another process opens the run storage."""
        return self._part("PostgresRunStorage")

    @property
    def schedule_storage_data(self) -> ConfigurableClassData | None:
        """How another process opens the schedule storage."""
        return self._part("PostgresScheduleStorage")

    def _part(self, class_name: str) -> ConfigurableClassData:
        return ConfigurableClassData(
            "dagster_postgres", class_name, yaml.safe_dump({"postgres_url": self.postgres_url})
        )


class PipelineArtifacts(LocalArtifactStorage):
    """Artifacts under the pipeline's home."""

    @classmethod
    def config_type(cls) -> Any:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "PipelineArtifacts":  # noqa: ARG003
        """Open the folder."""
        return cls(str(files_dir(process_settings())), inst_data=inst_data)


class PipelineComputeLogs(LocalComputeLogManager):
    """Compute logs under the pipeline's home; none with MATCHME_COMPUTE_LOGS=off."""

    @classmethod
    def config_type(cls) -> Any:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:  # noqa: ARG003
        """Open the folder."""
        if process_settings().compute_logs == "off":
            return NoOpComputeLogManager(inst_data)
        return cls(str(files_dir(process_settings())), inst_data=inst_data)


@contextmanager
def _created_by_one_process(url: str) -> Iterator[None]:
    """Let other processes wait while one creates the tables: Dagster gives up after a few tries at once."""
    with connect("postgresql://" + url.partition("://")[2], vectors=False) as connection:
        # Dagster creates this table last.
        if connection.execute("select to_regclass('jobs')").fetchone() != (None,):
            yield
            return
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(hashtext('matchme dagster storage'))")
            yield
