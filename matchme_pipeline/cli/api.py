"""Starting the HTTP API."""

import logging

import uvicorn

from matchme_pipeline.api.app import create_app
from matchme_pipeline.api.identity import local_key
from matchme_pipeline.api.protocol import GuardedProtocol
from matchme_pipeline.api.service import open_service
from matchme_pipeline.cli import console, environment
from matchme_pipeline.settings import process_settings

# In-flight requests may take this long when the service stops.
GRACE_SECONDS = 10
# Further connections get status 503, so that idle ones do not use up the process's open files.
MAX_CONNECTIONS = 500


def serve(host: str, port: int) -> None:
    """Serve until a stop signal. Raises ConfigurationError, DatabaseUnavailableError."""
    settings = process_settings()
    url = environment.prepare_dagster()
    environment.require_migrated(url)
    service = open_service(settings, url)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    console.say(f"The API and its operations page: http://{host}:{port}   (Ctrl-C ends it)")
    if local_key.is_allowed(settings):
        console.say("Development: tokens come from `matchme token --user …`. Set MATCHME_CLERK_ISSUER for Clerk's.")
    uvicorn.run(
        create_app(service),
        host=host,
        port=port,
        http=GuardedProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
