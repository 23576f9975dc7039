"""The database as a Dagster resource."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import ConfigurableResource

from matchme_pipeline.database.addresses import database_url
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.settings import process_settings


class DatabaseResource(ConfigurableResource[Connection]):
    """Connections to the app's database; `url` unset means the configured or the embedded server."""

    url: str | None = None

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """One connection in autocommit; transactions are the caller's."""
        with connect(self.url or database_url(process_settings())) as connection:
            yield connection
