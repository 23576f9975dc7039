"""The command `matchme`: its subcommands, and one place that prints errors as one sentence."""

import os
import sys
from datetime import datetime
from typing import Annotated, Any

import psycopg
import typer

from matchme_pipeline.cli import alerts, console, database, jobs, matching, models, operator, workers
from matchme_pipeline.errors import PipelineError, UsageError

app = typer.Typer(
    name="matchme",
    help="MatchMe's weekly pipeline: seed data, run weeks, inspect the results.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(database.app, name="db")
app.add_typer(jobs.app, name="jobs")
app.add_typer(alerts.app, name="alerts")
app.add_typer(models.app, name="models")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def seed(
    users: Annotated[int, typer.Option(min=2, max=1_000_000, help="How many members.")] = 1_000,
    weeks: Annotated[int, typer.Option(min=1, max=520, help="Over how many weeks.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same population.")] = 7,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last week (a Sunday).")] = None,
    json: AsJson = False,
) -> None:
    """Fill a fresh database with realistic synthetic data."""
    from matchme_pipeline.cli import population

    report = population.seed(users, weeks, seed, until.date() if until else None)
    if json:
        console.as_json(population.seed_report(report))
        return
    state = "is already there" if report.already_seeded else "seeded"
    console.result(
        f"population {state}: {report.members:,} members, {report.posts:,} posts, first week {report.first_week}"
    )


@app.command()
def run(
    week: Annotated[str | None, typer.Option(help="One week, by its Sunday: YYYY-MM-DD.")] = None,
    from_week: Annotated[str | None, typer.Option("--from", help="The first week of a range.")] = None,
    to_week: Annotated[str | None, typer.Option("--to", help="The last week of a range.")] = None,
    only_missing: Annotated[bool, typer.Option(help="Leave out weeks that are complete.")] = False,
    json: AsJson = False,
) -> None:
    """Materialise one week, or a range of weeks in order, one run a week."""
    if (week is None) == (from_week is None) or (from_week is None) != (to_week is None):
        raise UsageError("Name either --week YYYY-MM-DD, or both --from YYYY-MM-DD and --to YYYY-MM-DD.")
    from matchme_pipeline.cli import environment

    environment.store_first_week()
    from matchme_pipeline.cli import show, weeks
    from matchme_pipeline.database.connection import connect
    from matchme_pipeline.operations import queries

    wanted = weeks.weeks_between(week or from_week or "", week or to_week or "")
    url = environment.prepare_dagster()
    environment.require_migrated(url)
    chosen = weeks.missing_weeks(wanted) if only_missing else wanted
    finished = weeks.run_weeks(chosen, url)
    with connect(url) as connection:
        summaries = queries.week_summaries(connection, [w.sunday for w in wanted])
        stopped_by = {r.week.sunday: queries.stop_of_run(connection, r.dagster_run_id) for r in finished}
    if json:
        console.as_json(
            [
                {
                    "week": r.week.key,
                    "dagster_run_id": r.dagster_run_id,
                    "succeeded": r.succeeded,
                    "seconds": r.seconds,
                    "stopped_by": stopped_by[r.week.sunday],
                }
                for r in finished
            ]
        )
    else:
        show.weeks_table(summaries)
        show.stops(summaries, stopped_by)
    failed = next((r for r in finished if not r.succeeded), None)
    if failed is not None:
        raise PipelineError(f"week {failed.week.key} failed: {failed.error}")


for command in (
    operator.status,
    operator.cancel,
    operator.forget,
    operator.report,
    matching.matches,
    matching.candidates,
    matching.match,
    workers.worker,
):
    app.command()(command)


@app.command()
def estimate(
    week: Annotated[str, typer.Option(help="The week, by its Sunday: YYYY-MM-DD.")],
    json: AsJson = False,
) -> None:
    """Estimate a week's calls, tokens, USD and seconds; makes no model call."""
    from matchme_pipeline.cli import environment

    environment.store_first_week()
    from matchme_pipeline.cli import estimate as estimates
    from matchme_pipeline.database.addresses import database_url
    from matchme_pipeline.database.connection import connect
    from matchme_pipeline.settings import process_settings
    from matchme_pipeline.week import Week

    wanted = Week.parse(week)
    url = database_url(process_settings())
    environment.require_migrated(url)
    with connect(url) as connection:
        rows = estimates.estimate_week(connection, process_settings(), wanted)
    if json:
        console.as_json(estimates.as_rows(rows))
    else:
        estimates.show(rows)


@app.command()
def doctor(json: AsJson = False) -> None:
    """Check everything that a run needs; spends nothing."""
    from matchme_pipeline.cli.doctor import examine

    findings = examine()
    if json:
        console.as_json([vars(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "FAIL" if not finding.ok else "note" if finding.notice else "ok  "
            console.result(f"{mark} {finding.subject}: {finding.detail}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def demo() -> None:
    """Seed 1,000 members, materialise six weeks, show the results."""
    from matchme_pipeline.cli import population

    population.demo()


@app.command()
def dev(port: Annotated[int, typer.Option(min=1, max=65_535)] = 3000) -> None:
    """Dagster's UI with its daemon, over the same data, on this machine only."""
    from matchme_pipeline.cli import environment, ports

    ports.require_free("127.0.0.1", port)
    environment.require_executor()
    environment.store_first_week()
    from matchme_pipeline.cli.weeks import set_pool_limits
    from matchme_pipeline.database import files

    environment.require_migrated(environment.prepare_dagster())
    set_pool_limits()
    workspace = files.dagster_home() / "workspace.yaml"
    console.say(f"Dagster's UI: http://127.0.0.1:{port}   (Ctrl-C ends it)")
    arguments = ["-m", "matchme_pipeline.cli.dagster_dev", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)]
    os.execv(sys.executable, [sys.executable, *arguments])


@app.command()
def api(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8000,
) -> None:
    """The HTTP API, with the operations page at its root."""
    from matchme_pipeline.cli import environment, ports

    ports.require_free(host, port)
    environment.require_executor()
    environment.store_first_week()
    from matchme_pipeline.cli.api import serve

    serve(host, port)


@app.command()
def token(
    user: Annotated[str, typer.Option(help="The member's Clerk id; an administrator if listed in ADMIN_USER_IDS.")],
    hours: Annotated[int, typer.Option(min=1, max=24, help="How long the token is valid, in hours.")] = 8,
) -> None:
    """Print a session token for development, signed with this installation's own key."""
    from matchme_pipeline.api.identity.local_key import mint
    from matchme_pipeline.settings import process_settings

    console.result(mint(process_settings(), user, hours))


# The packages whose errors say that Dagster's storage is gone; importing them takes a second.
_STORAGE_PACKAGES = ("sqlalchemy", "dagster_postgres", "psycopg2")
# Typer raises this for an invalid command line; it has no public base class for its errors.
_UNREADABLE: type[Any] = typer.BadParameter.__bases__[0]


def main() -> None:
    """Run the command; print an error as one sentence on standard error, exit code 2 for an invalid command line."""
    try:
        raise SystemExit(app(prog_name="matchme", standalone_mode=False))
    except _UNREADABLE as error:
        _refuse(error)
    except typer.Abort:
        _fail("ended early")
    except UsageError as error:
        _fail(str(error), code=2)
    except PipelineError as error:
        _fail(str(error))
    except psycopg.Error as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        _fail(f"The database refused: {lines[0]}")
    except OSError as error:
        place = error.filename or "a file or an address"
        _fail(f"{place} cannot be used: {error.strerror or error}. Check the path, or MATCHME_HOME above it.")
    except KeyboardInterrupt:
        _fail("interrupted; run the same command again to continue", code=130)
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _STORAGE_PACKAGES:
            raise
        lines = str(error).strip().splitlines() or [type(error).__name__]
        _fail(
            f"Dagster's storage does not answer any more: {lines[0]}. Check the database (`matchme db status`), then "
            "run the same command again: finished work stays."
        )


def _refuse(error: Any) -> None:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        raise SystemExit(2)
    sentence = " ".join(error.format_message().split()).rstrip(".")
    command = error.ctx.command_path if error.ctx is not None else "matchme"
    _fail(f"{sentence}; `{command} --help` shows the valid options.", code=2)


def _fail(sentence: str, code: int = 1) -> None:
    console.err.print(f"matchme: {sentence}", markup=False)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
