"""`matchme seed` and `matchme demo`: seed the population and materialise its weeks."""

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

from matchme_pipeline.cli import console, environment
from matchme_pipeline.cli.database import prepare_database
from matchme_pipeline.database.addresses import database_url
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.errors import PipelineError
from matchme_pipeline.settings import process_settings

if TYPE_CHECKING:
    from matchme_pipeline.population.seed import SeedReport
    from matchme_pipeline.week import Week

DEFAULT_USERS = 1_000
DEFAULT_WEEKS = 6
DEFAULT_SEED = 7


def seed(users: int, weeks: int, seed_number: int, until: date | None) -> "SeedReport":
    """Migrate, then seed the population whose last week is `until` (default: the newest closed week).

    An existing population stays unchanged; its first week becomes the pipeline's first week.
    """
    from matchme_pipeline.cli.weeks import default_weeks
    from matchme_pipeline.population.seed import seed_population, seeded_first_week
    from matchme_pipeline.week import WEEK, Week

    settings = process_settings()
    with connect(database_url(settings), vectors=False) as connection:
        prepare_database(connection, with_app_tables=True)
    with connect(database_url(settings)) as connection, console.progress_bars() as bars:
        first = seeded_first_week(connection)
        if first is None:
            last = Week(until).sunday if until is not None else default_weeks(1)[1]
            first = last - (weeks - 1) * WEEK
        tasks = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, step="")
            bars.update(tasks[stage], completed=done, total=total)

        report = seed_population(
            connection, users=users, weeks=weeks, first_week=first, seed=seed_number, progress=show
        )
    environment.use_first_week(first)
    return report


def demo() -> None:
    """Seed, materialise the missing weeks in order, show the results."""
    from matchme_pipeline.cli import show, weeks
    from matchme_pipeline.matching.match_quality import quality_queries
    from matchme_pipeline.matching.outcomes import outcome_queries
    from matchme_pipeline.operations import match_queries, queries

    console.say(f"[bold]MatchMe's week, end to end[/bold]   model calls: {process_settings().provider}")
    report = seed(DEFAULT_USERS, DEFAULT_WEEKS, DEFAULT_SEED, None)
    state = "is already there" if report.already_seeded else "seeded"
    console.say(
        f"population {state}: {report.members:,} members, {report.posts:,} posts, first week {report.first_week}"
    )
    url = environment.prepare_dagster()
    wanted = _seeded_weeks(report)
    missing = weeks.missing_weeks(wanted)
    if not missing:
        console.say("every week is materialised already: nothing to do, nothing to pay")
    with connect(url) as connection:

        def members_review(week: "Week") -> None:
            if week != wanted[0]:
                _review(connection, week.previous, report.seed)
                _answer(connection, week.previous, report.seed, wanted[-1])

        finished = weeks.run_weeks(missing, url, before_each=members_review) if missing else []
        failed = next((run for run in finished if not run.succeeded), None)
        if failed is not None:
            raise PipelineError(f"week {failed.week.key} failed: {failed.error}")
        show.weeks_table(queries.week_summaries(connection, [week.sunday for week in wanted]))
        show.funnel_table(outcome_queries.funnel_of_weeks(connection, [week.sunday for week in wanted]))
        show.quality_table(quality_queries.stored_quality(connection, [week.sunday for week in wanted]))
        member = match_queries.member_to_show(connection, wanted[-1].match_week)
        if member is not None:
            show.matches(
                member, wanted[-1].match_week, match_queries.matches_of(connection, member, wanted[-1].match_week)
            )
    console.result("\nOpen the Dagster UI over this data:   make dev   (then http://127.0.0.1:3000)")
    console.result('Look at the tables yourself:          psql "$(.venv/bin/matchme db uri)"')


def _seeded_weeks(report: "SeedReport") -> "list[Week]":
    from matchme_pipeline.cli.weeks import weeks_between
    from matchme_pipeline.week import WEEK

    last = report.first_week + (report.weeks - 1) * WEEK
    return weeks_between(report.first_week.isoformat(), last.isoformat())


def _review(connection: Connection, week: "Week", seed_number: int) -> None:
    from matchme_pipeline.population.reviews import review_insights

    review_insights(connection, week_cutoff=week.cutoff, seed=seed_number)


def _answer(connection: Connection, week: "Week", seed_number: int, last: "Week") -> None:
    from matchme_pipeline.population.match_answers import answer_matches

    answer_matches(connection, week, seed_number, last.cutoff)


def seed_report(report: "SeedReport") -> dict[str, object]:
    """The report as a JSON-ready mapping."""
    return asdict(report)
