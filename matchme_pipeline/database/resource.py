"""The database as a Dagster resource."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import ConfigurableResource

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline.settings import Settings, process_settings


class DatabaseResource(ConfigurableResource[Connection]):
    """Connections to the app's database; `url` unset means the configured or the embedded server."""

    url: str | None = None

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """One connection in autocommit; transactions are the caller's."""
        with connect(self.url or database_url(process_settings())) as connection:
            yield connection


def database_url(settings: Settings) -> str:
    """The configured database's URL; without one, starts the embedded server and returns its URL."""
    return settings.database_url or embedded_server(settings.home).ensure_running()


def embedded_server(home: Path) -> EmbeddedServer:
    """The embedded server under the pipeline's home folder."""
    return EmbeddedServer(home)
