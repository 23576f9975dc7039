"""The API, assembled: gate, endpoints, errors, and the document that describes them."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from matchme_pipeline.api.functions import batch as function_batch
from matchme_pipeline.api.functions import dna as function_dna
from matchme_pipeline.api.functions import governance, leaderboard
from matchme_pipeline.api.functions import insights as function_insights
from matchme_pipeline.api.functions import matches as function_matches
from matchme_pipeline.api.middleware import Envelope, Gate
from matchme_pipeline.api.openapi import describe
from matchme_pipeline.api.page import routes as page
from matchme_pipeline.api.problems import handle_problems
from matchme_pipeline.api.rate_limit import RateLimit
from matchme_pipeline.api.routes import batch, cost, dna, health, insights, matches
from matchme_pipeline.api.service import BURST_SHARE, Service

ROUTERS = (
    batch,
    insights,
    matches,
    dna,
    cost,
    health,
    function_batch,
    function_insights,
    function_dna,
    leaderboard,
    function_matches,
    governance,
    page,
)
# Several members of a household or an office may share one address.
ADDRESS_FACTOR = 4


def create_app(service: Service) -> FastAPI:
    """The API over `service`, which it closes when it ends."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            service.close()

    app = FastAPI(
        title="MatchMe batch API",
        version="1.0.0",
        lifespan=lifespan,
        # The interactive pages load scripts from another site; tools only need the document itself.
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        # A redirect to the same path without its slash would name the host that the caller claims.
        redirect_slashes=False,
    )
    app.state.service = service
    for module in ROUTERS:
        app.include_router(module.router)
    handle_problems(app, [route for module in ROUTERS for route in module.router.routes])
    per_minute = service.settings.api_requests_per_minute * ADDRESS_FACTOR
    # The last one is the outermost: a refusal, too, must be readable for the app's origins, and have an id.
    app.add_middleware(Gate, address_limit=RateLimit(per_minute, max(1, per_minute // BURST_SHARE)))
    _allow_origins(app, service.settings.cors_origins)
    app.add_middleware(Envelope)
    describe(app)
    # The gate logs a line for each request, without its content.
    logging.getLogger("uvicorn.access").disabled = True
    return app


def _allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PUT"],
            # Supabase's client sends the last three to functions.
            allow_headers=["Authorization", "Content-Type", "X-Request-Id", "apikey", "x-client-info", "x-region"],
            expose_headers=["X-Request-Id", "Retry-After"],
            max_age=600,
        )
