"""Liveness, readiness and Prometheus metrics of the service."""

import psycopg
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from psycopg_pool import PoolTimeout

from matchme_pipeline.api.callers import SCRAPERS, Shared
from matchme_pipeline.api.models import Health
from matchme_pipeline.api.responses import problems
from matchme_pipeline.api.service import Service
from matchme_pipeline.database import files, migrations
from matchme_pipeline.jobs.model import JobStatus

router = APIRouter(tags=["health"])

JOBS = Gauge("matchme_queue_jobs", "Jobs in the queue.", ["job_type", "state"])
QUEUED_RUNS = Gauge("matchme_queued_runs", "Runs that wait in Dagster's queue.")


@router.get("/health", responses=problems())
def health() -> Health:
    """The process is alive; checks nothing else."""
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
    dependencies=SCRAPERS,
    responses=problems(401, 403)
    | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus's text format."}},
    response_class=Response,
)
def metrics(shared: Shared) -> Response:
    """Requests by route and status, their seconds, and the queue: for MATCHME_METRICS_TOKEN or an administrator."""
    counted = shared.overview.get().value
    for job_type, states in counted.queue.by_type.items():
        for state in JobStatus:
            JOBS.labels(job_type, state).set(states.get(state, 0))
    if counted.queued_runs is not None:
        QUEUED_RUNS.set(counted.queued_runs)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _examine(shared: Service, checks: dict[str, str]) -> None:
    with shared.connection() as connection:
        missing = [one for one in migrations.status(connection, files.migrations_dir()) if one.applied_at is None]
    if missing:
        checks["migrations"] = f"{len(missing)} missing"
