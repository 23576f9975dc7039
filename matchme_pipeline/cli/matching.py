"""The commands around matching: a member's matches, their candidates between Sundays, the engine on files."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from matchme_pipeline.cli import console
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import PipelineError, UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def matches(
    user_id: Annotated[str, typer.Argument(help="The member's Clerk id.")],
    week: Annotated[str | None, typer.Option(help="The week, by its Sunday; default: the newest with matches.")] = None,
    json: AsJson = False,
) -> None:
    """A member's matches with reasons and starters."""
    from matchme_pipeline.cli import environment, show
    from matchme_pipeline.database.addresses import database_url
    from matchme_pipeline.database.connection import connect
    from matchme_pipeline.operations import match_queries
    from matchme_pipeline.settings import process_settings
    from matchme_pipeline.week import Week

    url = database_url(process_settings())
    environment.require_migrated(url)
    with connect(url) as connection:
        if not match_queries.member_exists(connection, user_id):
            raise PipelineError(f"No member has the id '{user_id}'. An id looks like user_2abc…")
        match_week = Week.parse(week).match_week if week else match_queries.newest_match_week(connection)
        if match_week is None:
            raise PipelineError(_no_matches(connection))
        rows = match_queries.matches_of(connection, user_id, match_week)
    if json:
        console.as_json({"user_id": user_id, "match_week": match_week, "matches": [vars(row) for row in rows]})
    else:
        show.matches(user_id, match_week, rows)


def _no_matches(connection: Connection) -> str:
    """Why no week has matches: none has run, or the reason in its report."""
    from matchme_pipeline.matching.week import report_queries

    newest = report_queries.newest_reported_week(connection)
    report = report_queries.report_of(connection, newest) if newest else None
    if report is None:
        return "No week has matches yet. Run one: matchme run --week YYYY-MM-DD"
    reasons = ", ".join(f"{name} {count:,}" for name, count in sorted(report.not_matchable.items()))
    findings = " ".join(finding["sentence"] for finding in report.findings)
    return (
        f"Week {report.week} was matched and has no matches: {report.matchable:,} members can be matched"
        f"{f', others not ({reasons})' if reasons else ''}; {report.with_possibilities:,} have "
        f"an eligible partner. {findings}"
    )


def candidates(
    user_id: Annotated[str, typer.Argument(help="The member's Clerk id.")],
    week: Annotated[str | None, typer.Option(help="As of a matched week, by its Sunday; default: now.")] = None,
    most: Annotated[int, typer.Option(min=1, max=1_000, help="How many to show.")] = 10,
    json: AsJson = False,
) -> None:
    """A member's possible partners now, without waiting for Sunday."""
    from matchme_pipeline.cli import candidates as search
    from matchme_pipeline.cli import environment
    from matchme_pipeline.database.addresses import database_url
    from matchme_pipeline.database.connection import connect
    from matchme_pipeline.llm.resource import open_models
    from matchme_pipeline.settings import process_settings
    from matchme_pipeline.week import Week

    settings = process_settings()
    asked = Week.parse(week) if week else None
    url = database_url(settings)
    environment.require_migrated(url)
    with connect(url) as connection, open_models(settings, url) as models:
        found = search.find(connection, models, user_id, asked)
    if json:
        console.as_json(search.as_rows(user_id, found, most))
    else:
        search.show_found(user_id, found, most)


def match(
    members: Annotated[Path | None, typer.Option(help="CSV of members, attributes and preferences.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file for the scored pairs.")] = None,
    texts: Annotated[Path | None, typer.Option(help="CSV of texts that members shared.")] = None,
    vectors: Annotated[Path | None, typer.Option(help="CSV or .npz of members' vectors, instead of texts.")] = None,
    met: Annotated[Path | None, typer.Option(help="CSV of pairs who have already met.")] = None,
    outcomes: Annotated[
        Path | None, typer.Option(help="CSV of answers (user_id, match_user_id, liked) that the score learns from.")
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The reference day of ages; default: today (UTC).")
    ] = None,
    candidates: Annotated[
        int | None, typer.Option(min=1, max=1_000, help="Also write this many of each member's best candidates.")
    ] = None,
    columns: Annotated[bool, typer.Option("--columns", help="List the files' columns and stop.")] = False,
    json: AsJson = False,
) -> None:
    """Match the members of a CSV file by the same rules, without a database."""
    from matchme_pipeline.cli import files

    if columns:
        files.show_columns()
        return
    if members is None or out is None:
        raise UsageError(
            "Name both files: matchme match --members members.csv --out matches.csv. "
            "`matchme match --columns` lists the columns."
        )
    from matchme_pipeline.matching.csv_files.run import Request
    from matchme_pipeline.matching.rules.limits import process_limits

    day = as_of.date() if as_of else files.today()
    summary = files.run(Request(members, out, day, texts, vectors, met, candidates, process_limits(), outcomes))
    if json:
        console.as_json(summary)
    else:
        files.show(summary)
