"""Collects a week's report from the app's database and from Dagster's events."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from dagster import AssetCheckEvaluation, AssetCheckSeverity, DagsterEventType, DagsterInstance

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna.weights import TIERS
from matchme_pipeline.llm.prices import load_prices
from matchme_pipeline.matching.match_quality import quality_queries
from matchme_pipeline.matching.match_quality.wording import rows_in_words
from matchme_pipeline.matching.outcomes import funnel, outcome_queries
from matchme_pipeline.operations.alerts import ready_by
from matchme_pipeline.operations.remedies import cause_of, remedy_for, without_quotations
from matchme_pipeline.operations.report import list_price, queries
from matchme_pipeline.operations.report.content import Failures, Figure, Spending, WarnedCheck, WeekReport
from matchme_pipeline.operations.report.queries import StageSpending, WeekRun
from matchme_pipeline.settings import Settings
from matchme_pipeline.week import Week

SHOWN_WEEKS = 8
_MINUTES = "%Y-%m-%d %H:%M"


def collect(
    connection: Connection,
    instance: DagsterInstance,
    settings: Settings,
    week: Week,
    finished_at: datetime | None = None,
) -> WeekReport:
    """The current report of `week`; `finished_at` is now for the run that is about to finish it."""
    runs = queries.runs_of(connection, week.sunday)
    finishing = next((run for run in runs if run.is_summary and run.status == "completed"), None)
    at = finishing.completed_at if finishing is not None and finishing.completed_at else finished_at
    newest = runs[-1] if runs else None
    shown = finishing or newest
    spent = queries.spending(connection, week.sunday)
    is_offline = all(row.provider == "local" for row in spent)
    run_ids = [run.dagster_run_id for run in runs if run.dagster_run_id]
    has_before = week.sunday > settings.first_week
    weeks = queries.cost_by_week(connection, week.sunday, SHOWN_WEEKS)
    figures = queries.figures(connection, [week.previous.sunday, week.sunday])
    tiers = queries.tiers(connection, week.sunday)
    offline = list_price.of_offline_week(connection, settings, week) if is_offline else []
    rows = _spending(settings, spent, {row.stage: row.cost_usd for row in offline})
    costs = {day: float(usd) for day, usd in weeks}
    listed = sum(float(row.cost_usd) for row in offline) if is_offline else sum(row.list_usd for row in rows)
    if is_offline:
        costs = queries.list_prices(connection, list(costs)) | {week.sunday: listed}
    return WeekReport(
        week=week.key,
        match_week=week.match_week.isoformat(),
        due_at=f"{ready_by(week):{_MINUTES}}",
        finished_at=f"{at.astimezone(UTC):{_MINUTES}}" if at else None,
        hours_before_due=round((ready_by(week) - at).total_seconds() / 3600, 2) if at else None,
        run_id=shown.dagster_run_id if shown else None,
        run_seconds=round(sum(_seconds(run, finished_at) for run in runs), 1),
        budget_usd=float(settings.weekly_budget_usd) if settings.weekly_budget_usd is not None else None,
        spent_before_usd=float(weeks[-2][1]) if has_before and len(weeks) > 1 else None,
        is_offline=is_offline,
        list_price_usd=round(listed, 6),
        stopped_by=(newest.stopped_by if newest else None) or "",
        figures=_beside(figures[week.sunday], figures[week.previous.sunday] if has_before else None),
        funnel=_beside(_funnel(connection, week), _funnel(connection, week.previous) if has_before else None),
        quality=_quality(connection, week),
        spending=rows,
        failures=[*failed_runs(runs, week.sunday), *failures(connection, week.sunday)],
        checks=warned_checks(instance, run_ids),
        findings=queries.findings(connection, week.sunday),
        seconds_by_stage=stage_seconds(instance, run_ids),
        cost_by_week=[(day.isoformat(), costs.get(day, 0.0)) for day, _ in weeks if day >= settings.first_week],
        score_bins=queries.score_bins(connection, week.sunday),
        match_score_bins=queries.match_score_bins(connection, week.match_week),
        tiers=[(tier, tiers.get(tier, 0)) for tier in TIERS],
        members_by_list_size=queries.members_by_list_size(connection, week.match_week),
    )


def failures(connection: Connection, week: date | None) -> list[Failures]:
    """Failed and waiting jobs, one row per type and cause, most urgent first."""
    groups: dict[tuple[str, str], Failures] = {}
    for row in queries.failed_jobs(connection, week):
        cause = cause_of(row.error)
        key = (row.job_type, cause.name)
        known = groups.get(key)
        groups[key] = Failures(
            what=f"{row.jobs + (known.jobs if known else 0):,} {row.job_type.replace('_', ' ')} jobs",
            jobs=row.jobs + (known.jobs if known else 0),
            cause=cause.name,
            rank=cause.rank,
            meaning=cause.meaning,
            remedy=remedy_for(cause, week),
            error=known.error if known else without_quotations(row.error),
        )
    return sorted(groups.values(), key=lambda row: (row.rank, -row.jobs, row.what))


def failed_runs(runs: Sequence[WeekRun], week: date) -> list[Failures]:
    """The week's failed runs by cause, unless a later run has finished the week."""
    if any(run.is_summary and run.status == "completed" for run in runs):
        return []
    found: dict[str, Failures] = {}
    for run in runs:
        if run.status == "failed":
            cause = cause_of(run.error)
            known = found.get(cause.name)
            number = known.jobs + 1 if known else 1
            found[cause.name] = Failures(
                what=f"{number} failed {'run' if number == 1 else 'runs'}",
                jobs=number,
                cause=cause.name,
                rank=min(cause.rank, 2),
                meaning=cause.meaning,
                remedy=remedy_for(cause, week),
                error=without_quotations(run.error),
            )
    return list(found.values())


def warned_checks(instance: DagsterInstance, run_ids: Sequence[str]) -> list[WarnedCheck]:
    """Checks whose newest evaluation in these runs (oldest first) did not pass, errors first."""
    newest: dict[tuple[str, str], WarnedCheck | None] = {}
    for run_id in run_ids:
        for record in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
            evaluation = record.asset_check_evaluation
            if evaluation is None:
                continue
            asset, name = evaluation.asset_key.to_user_string(), evaluation.check_name
            newest[asset, name] = None if evaluation.passed else _warned(asset, name, evaluation)
    found = [check for check in newest.values() if check is not None]
    return sorted(found, key=lambda check: (not check.is_error, check.asset, check.check))


def stage_seconds(instance: DagsterInstance, run_ids: Sequence[str]) -> list[tuple[str, float]]:
    """The duration of each stage in the newest run that materialised it."""
    found: dict[str, float] = {}
    for run_id in run_ids:
        for record in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION):
            materialization = record.asset_materialization
            seconds = materialization.metadata.get("duration_seconds") if materialization else None
            if materialization is not None and seconds is not None and isinstance(seconds.value, int | float):
                found[materialization.asset_key.to_user_string()] = float(seconds.value)
    return list(found.items())


def _funnel(connection: Connection, week: Week) -> dict[str, float]:
    """Members' actions during the week, up to its cutoff, on the matches that they saw: rows by stage."""
    outcomes = outcome_queries.outcomes_of(connection, week.sunday)
    counted = funnel.counts(outcomes[outcomes["match_week"] == week.sunday])
    return {name: float(rows) for name, rows in counted.items()}


def _quality(connection: Connection, week: Week) -> list[tuple[str, str, str]]:
    stored = quality_queries.stored_quality(connection, [week.sunday, week.previous.sunday])
    now = stored.get(week.sunday)
    return rows_in_words(now, stored.get(week.previous.sunday)) if now else []


def _warned(asset: str, name: str, evaluation: AssetCheckEvaluation) -> WarnedCheck:
    description = without_quotations(evaluation.description or "it did not pass", 300)
    return WarnedCheck(asset, name, evaluation.severity is AssetCheckSeverity.ERROR, description)


def _beside(now: dict[str, float], before: dict[str, float] | None) -> list[Figure]:
    return [
        Figure(name, round(value, 2), round(before[name], 2) if before is not None else None)
        for name, value in now.items()
    ]


def _spending(settings: Settings, rows: Sequence[StageSpending], offline: Mapping[str, Decimal]) -> list[Spending]:
    """The rows with their list prices; `offline` holds those of stages whose models count no tokens."""
    prices = load_prices(settings.prices_file)
    return [
        Spending(
            stage=row.stage,
            model=row.model,
            calls=row.calls,
            input_tokens=row.input_tokens,
            cached_input_tokens=row.cached_input_tokens,
            output_tokens=row.output_tokens,
            cost_usd=float(row.cost_usd),
            list_usd=float(offline.get(row.stage, list_price.of_spending(prices, row))),
        )
        for row in rows
    ]


def _seconds(run: WeekRun, now: datetime | None) -> float:
    if run.seconds is not None:
        return float(run.seconds)
    return (now - run.started_at) / timedelta(seconds=1) if now is not None and run.status == "running" else 0.0
