"""The operations page: whether somebody must act, failures with causes and buttons, and each week's report."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from matchme_pipeline.api.batch_control import cancel_run, discard_job, retry_job, trigger_runs
from matchme_pipeline.api.callers import Shared
from matchme_pipeline.api.dagster_runs import DagsterUnavailableError
from matchme_pipeline.api.middleware import PAGE_POLICY
from matchme_pipeline.api.models import TriggerRequest
from matchme_pipeline.api.page import session
from matchme_pipeline.api.page.figures import jobs_of_same_cause, page_figures, week_report
from matchme_pipeline.api.page.session import ACTING_ADMINISTRATORS, OWN_FORM, ActingAdmin
from matchme_pipeline.api.parameters import Day, JobId, RunId
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.jobs import dead_letters
from matchme_pipeline.operations import alert_queries
from matchme_pipeline.operations.links import links
from matchme_pipeline.operations.report import render
from matchme_pipeline.week import Week

router = APIRouter(include_in_schema=False)

_templates = Environment(
    loader=PackageLoader("matchme_pipeline.api.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_templates.filters["commands"] = render.with_commands
_STYLE = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
_SCRIPT = files(__package__).joinpath("page.js").read_text(encoding="utf-8")
# The page runs only its own script, which refreshes the page.
_PAGE_POLICY = PAGE_POLICY + "; script-src 'self'; connect-src 'self'"


@router.get("/")
def operations_page(request: Request, shared: Shared) -> HTMLResponse:
    """The current state, for administrators; a sign-in form for others."""
    caller = session.viewer(shared, request)
    if caller is None:
        return _sign_in("")
    if not caller.is_admin:
        return _sign_in("This account is not an administrator's.", 403)
    form_key = session.form_key(session.secret_of(shared, request))
    figures = page_figures(shared, datetime.now(UTC))
    text = _templates.get_template("operations.html").render(**figures, form_key=form_key)
    return HTMLResponse(text, headers={"Content-Security-Policy": _PAGE_POLICY})


@router.get("/report/{week}")
def report_page(request: Request, shared: Shared, week: Day) -> Response:
    """A week's report, for administrators."""
    caller = session.viewer(shared, request)
    if caller is None:
        return _sign_in("")
    if not caller.is_admin:
        return _sign_in("This account is not an administrator's.", 403)
    if week.isoweekday() != 7:
        return _refused(f"{week} is no Sunday; a week is named by the Sunday on which it begins.", 404)
    report = week_report(shared, Week(week))
    if report is None:
        return _refused(f"Week {week} has no report yet: its run writes it at the end.", 404)
    addresses = links(shared.settings, None, report.run_id) or [("Operations page", "/")]
    # The report contains its own styles and may load nothing else.
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(render.html(report, addresses), headers={"Content-Security-Policy": policy})


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
    """Retry a failed job."""
    return _back(lambda: retry_job(shared, job_id), "failures")


@router.post("/page/discard/{job_id}", dependencies=OWN_FORM)
def press_discard(shared: Shared, admin: ActingAdmin, job_id: JobId) -> Response:
    """Discard a failed job."""
    return _back(lambda: discard_job(shared, job_id, admin.user_id), "failures")


@router.post("/page/cancel/{run_id}", dependencies=ACTING_ADMINISTRATORS)
def press_cancel(shared: Shared, run_id: RunId) -> Response:
    """Cancel the current run."""
    return _back(lambda: cancel_run(shared, str(run_id)), "current")


@router.post("/page/materialise/{week}", dependencies=OWN_FORM)
def press_materialise(shared: Shared, admin: ActingAdmin, week: Day) -> Response:
    """Materialise a missing week."""
    wanted = TriggerRequest(run_type="weekly_full", week=week)
    return _back(lambda: trigger_runs(shared, admin.user_id, wanted, datetime.now(UTC)), "current")


@router.post("/page/acknowledge/{alert_id}", dependencies=OWN_FORM)
def press_acknowledge(shared: Shared, admin: ActingAdmin, alert_id: JobId) -> Response:
    """Acknowledge an alert and those of the same kind, week and title."""
    with shared.connection() as connection:
        alert_queries.acknowledge_alike(connection, alert_id, admin.user_id)
    return _page_at("alerts")


@router.post("/page/retry-alike/{job_id}", dependencies=ACTING_ADMINISTRATORS)
def press_retry_same_cause(shared: Shared, job_id: JobId) -> Response:
    """Retry all failed jobs of a group."""
    with shared.connection() as connection:
        dead_letters.retry(connection, jobs_of_same_cause(connection, job_id))
    return _page_at("failures")


@router.post("/page/discard-alike/{job_id}", dependencies=OWN_FORM)
def press_discard_same_cause(shared: Shared, admin: ActingAdmin, job_id: JobId) -> Response:
    """Discard all failed jobs of a group."""
    with shared.connection() as connection:
        dead_letters.discard(connection, jobs_of_same_cause(connection, job_id), admin.user_id)
    return _page_at("failures")


@router.get("/page.css")
def style() -> PlainTextResponse:
    """The page's only style sheet."""
    return PlainTextResponse(_STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


@router.get("/page.js")
def script() -> PlainTextResponse:
    """The page's only script."""
    return PlainTextResponse(_SCRIPT, media_type="text/javascript", headers={"Cache-Control": "max-age=3600"})


def _refused(detail: str, status: int) -> HTMLResponse:
    return HTMLResponse(_templates.get_template("refused.html").render(detail=detail), status)


def _page_at(section: str) -> Response:
    """The page again, at the button's section."""
    return RedirectResponse(f"/#{section}", status_code=303)


def _back(act: Callable[[], object], section: str) -> Response:
    """Run the action and show the page again at `section`, or a page with the error."""
    try:
        act()
    except ProblemError as problem:
        return _refused(problem.detail, problem.status)
    except DagsterUnavailableError:
        return _refused("Dagster's storage does not answer; try again in a moment.", 503)
    return _page_at(section)


def _sign_in(message: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_templates.get_template("sign_in.html").render(message=message), status)
