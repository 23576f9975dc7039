"""The address of the app's database; does not import Dagster, so that read-only commands start fast."""

from pathlib import Path

from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline.settings import Settings


def database_url(settings: Settings) -> str:
    """The configured database's URL; without one, starts the embedded server and returns its URL."""
    return settings.database_url or embedded_server(settings.home).ensure_running()


def embedded_server(home: Path) -> EmbeddedServer:
    """The embedded server under the pipeline's home folder."""
    return EmbeddedServer(home)
