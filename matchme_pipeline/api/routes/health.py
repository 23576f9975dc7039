"""Whether the service lives, whether it can work, and its figures for Prometheus."""

import psycopg
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import PoolTimeout

from matchme_pipeline.api.identity.callers import ADMINISTRATORS, Shared
from matchme_pipeline.api.models import Health
from matchme_pipeline.api.responses import problems
from matchme_pipeline.api.service import Service
from matchme_pipeline.database import files, migrations

router = APIRouter(tags=["health"])


@router.get("/health", responses=problems())
def health() -> Health:
    """The process lives. Asks nobody else."""
    return Health(status="ok", checks={})


@router.get(
    "/ready", responses=problems() | {503: {"model": Health, "description": "Something that is needed is missing."}}
)
def ready(shared: Shared, response: Response) -> Health:
    """The service can work: the database answers and has every migration."""
    checks = {"database": "ok", "migrations": "ok"}
    try:
        _examine(shared, checks)
    except (psycopg.Error, PoolTimeout):
        checks |= {"database": "does not answer", "migrations": "unknown"}
    is_ready = set(checks.values()) == {"ok"}
    response.status_code = 200 if is_ready else 503
    return Health(status="ok" if is_ready else "unavailable", checks=checks)


@router.get(
    "/metrics",
    dependencies=ADMINISTRATORS,
    responses=problems(401, 403) | {200: {"content": {"text/plain": {}}, "description": "Prometheus's text format."}},
    response_class=Response,
)
def metrics() -> Response:
    """Requests by route and status, and their seconds: for an administrator's token, as routes and rates tell much."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _examine(shared: Service, checks: dict[str, str]) -> None:
    with shared.connection() as connection:
        missing = [one for one in migrations.status(connection, files.migrations_dir()) if one.applied_at is None]
    if missing:
        checks["migrations"] = f"{len(missing)} missing"
