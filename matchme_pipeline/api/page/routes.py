"""The operations page: current run, queue, failed jobs, last weeks; buttons to retry, discard and cancel."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from matchme_pipeline.api.batch_control import cancel_run, discard_job, retry_job
from matchme_pipeline.api.identity.callers import Shared
from matchme_pipeline.api.overview import current_run
from matchme_pipeline.api.page import session
from matchme_pipeline.api.page.session import ACTING_ADMINISTRATORS, OWN_FORM, ActingAdmin
from matchme_pipeline.api.parameters import JobId, RunId
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.queries import batch
from matchme_pipeline.api.service import Service
from matchme_pipeline.jobs.dead_letters import dead_letters
from matchme_pipeline.operations.queries import week_summaries
from matchme_pipeline.week import WEEK, Week

router = APIRouter(include_in_schema=False)

SHOWN_WEEKS = 6
SHOWN_FAILURES = 20
SHOWN_RUNS = 8
_templates = Environment(
    loader=PackageLoader("matchme_pipeline.api.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_STYLE = files(__package__).joinpath("page.css").read_text(encoding="utf-8")


@router.get("/")
def operations_page(request: Request, shared: Shared) -> HTMLResponse:
    """What goes on, for administrators; for others the form to sign in."""
    caller = session.viewer(shared, request)
    if caller is None:
        return _sign_in("")
    if not caller.is_admin:
        return _sign_in("This account is not an administrator's.", 403)
    form_key = session.form_key(session.secret_of(shared, request))
    return HTMLResponse(_templates.get_template("operations.html").render(**_figures(shared), form_key=form_key))


@router.post("/session", dependencies=OWN_FORM)
def sign_in(request: Request, shared: Shared, token: Annotated[str, Form(max_length=8_192)]) -> Response:
    """Open a session of the page for an administrator's session token."""
    answer = RedirectResponse("/", status_code=303)
    try:
        session.open_session(shared, request, answer, token.strip())
    except ProblemError as problem:
        return _sign_in(f"Not accepted: {problem.detail}.", problem.status)
    return answer


@router.post("/session/end", dependencies=OWN_FORM)
def sign_out(request: Request, shared: Shared) -> Response:
    """End the session."""
    answer = RedirectResponse("/", status_code=303)
    session.end_session(shared, request, answer)
    return answer


@router.post("/page/retry/{job_id}", dependencies=ACTING_ADMINISTRATORS)
def press_retry(shared: Shared, job_id: JobId) -> Response:
    """The button beside a failed job."""
    return _back(lambda: retry_job(shared, job_id))


@router.post("/page/discard/{job_id}", dependencies=OWN_FORM)
def press_discard(shared: Shared, admin: ActingAdmin, job_id: JobId) -> Response:
    """The other button beside a failed job."""
    return _back(lambda: discard_job(shared, job_id, admin.user_id))


@router.post("/page/cancel/{run_id}", dependencies=ACTING_ADMINISTRATORS)
def press_cancel(shared: Shared, run_id: RunId) -> Response:
    """The button beside the current run."""
    return _back(lambda: cancel_run(shared, str(run_id)))


@router.get("/page.css")
def style() -> PlainTextResponse:
    """The page's only style sheet."""
    return PlainTextResponse(_STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


def _back(act: Callable[[], None]) -> Response:
    """Do it and show the page again, or say on a page why not."""
    try:
        act()
    except ProblemError as problem:
        html = _templates.get_template("refused.html").render(detail=problem.detail)
        return HTMLResponse(html, problem.status)
    return RedirectResponse("/", status_code=303)


def _sign_in(message: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_templates.get_template("sign_in.html").render(message=message), status)


def _figures(shared: Service) -> dict[str, object]:
    newest = Week.last_closed(datetime.now(UTC)).sunday
    shown = [newest - number * WEEK for number in reversed(range(SHOWN_WEEKS))]
    with shared.connection() as connection:
        running = batch.running(connection)
        figures: dict[str, object] = {
            "last": batch.last_completed(connection),
            "failures": dead_letters(connection, SHOWN_FAILURES),
            "weeks": list(
                reversed(week_summaries(connection, [day for day in shown if day >= shared.settings.first_week]))
            ),
            "runs": batch.runs_page(connection, SHOWN_RUNS, None, None, None, None),
        }
    counted = shared.overview.get()
    current = current_run(running, counted.value)
    return figures | {"current": current, "as_of": counted.at, **vars(counted.value)}
