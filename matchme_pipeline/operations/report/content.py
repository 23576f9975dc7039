"""The content of a week's report, and the order of an operator's actions; pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from matchme_pipeline.settings import REHEARSAL


@dataclass(frozen=True)
class Figure:
    """One figure of the week beside the previous week's; `before` is None in the first week."""

    name: str
    now: float
    before: float | None


@dataclass(frozen=True)
class Spending:
    """The spending of one stage on one model in the week; `list_usd` is the standard price without discounts."""

    stage: str
    model: str
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: float
    list_usd: float


@dataclass(frozen=True)
class Failures:
    """Failed or waiting jobs of one kind and cause, or a failed run; `error` contains no quotation."""

    what: str
    jobs: int
    cause: str
    rank: int
    meaning: str
    remedy: str
    error: str


@dataclass(frozen=True)
class WarnedCheck:
    """A check that did not pass."""

    asset: str
    check: str
    is_error: bool
    description: str


@dataclass(frozen=True)
class WeekReport:
    """One week's report. `cost_by_week` and `seconds_by_stage` are pairs of a label and a value, for the charts.

    With the offline models, `cost_by_week` holds the cost at list prices.
    """

    week: str
    match_week: str
    due_at: str
    finished_at: str | None
    hours_before_due: float | None
    run_id: str | None
    run_seconds: float
    budget_usd: float | None
    spent_before_usd: float | None
    is_offline: bool
    list_price_usd: float | None
    stopped_by: str = ""
    figures: list[Figure] = field(default_factory=list)
    funnel: list[Figure] = field(default_factory=list)
    # How well the score predicts mutual likes: a figure's name, this week, last week.
    quality: list[tuple[str, str, str]] = field(default_factory=list)
    spending: list[Spending] = field(default_factory=list)
    failures: list[Failures] = field(default_factory=list)
    checks: list[WarnedCheck] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    seconds_by_stage: list[tuple[str, float]] = field(default_factory=list)
    cost_by_week: list[tuple[str, float]] = field(default_factory=list)
    score_bins: list[int] = field(default_factory=list)
    match_score_bins: list[int] = field(default_factory=list)
    tiers: list[tuple[str, int]] = field(default_factory=list)
    members_by_list_size: list[tuple[int, int]] = field(default_factory=list)

    @property
    def spent_usd(self) -> float:
        """The cost of the week's model calls."""
        return sum(row.cost_usd for row in self.spending)

    @property
    def tokens(self) -> int:
        """Input and output tokens of the week's model calls."""
        return sum(row.input_tokens + row.output_tokens for row in self.spending)

    @property
    def failed_jobs(self) -> int:
        """Failed jobs, with or without attempts left."""
        return sum(row.jobs for row in self.failures)

    def as_json(self) -> dict[str, Any]:
        """The report in its stored form."""
        return asdict(self)


def from_json(stored: dict[str, Any]) -> WeekReport:
    """A stored report; raises TypeError for another shape."""
    return WeekReport(
        **{
            **stored,
            "figures": [Figure(**row) for row in stored["figures"]],
            "funnel": [Figure(**row) for row in stored["funnel"]],
            "quality": [(name, now, before) for name, now, before in stored.get("quality", [])],
            "spending": [Spending(**row) for row in stored["spending"]],
            "failures": [Failures(**row) for row in stored["failures"]],
            "checks": [WarnedCheck(**row) for row in stored["checks"]],
            "seconds_by_stage": [(name, value) for name, value in stored["seconds_by_stage"]],
            "cost_by_week": [(name, value) for name, value in stored["cost_by_week"]],
            "tiers": [(name, value) for name, value in stored["tiers"]],
            "members_by_list_size": [(size, value) for size, value in stored["members_by_list_size"]],
        }
    )


def headline(report: WeekReport) -> str:
    """The first sentence: is the week finished, and was it in time?"""
    if report.finished_at is None or report.hours_before_due is None:
        return f"Week {report.week} is not finished; it is due by {report.due_at} UTC."
    hours = abs(report.hours_before_due)
    duration = f"{hours:.1f} hours" if hours < 72 else f"{hours / 24:.0f} days"
    when = f"Week {report.week} finished {report.finished_at} UTC"
    if report.hours_before_due >= 0:
        return f"{when}, {duration} before members open the app."
    return f"{when}, {duration} after it was due ({report.due_at} UTC)."


def money(report: WeekReport) -> str:
    """The cost of the week in one sentence."""
    spent = f"{report.spent_usd:.4f} USD for {report.tokens:,} tokens"
    if report.is_offline:
        beside = f"; at list prices about {report.list_price_usd:.2f} USD" if report.list_price_usd is not None else ""
        return f"0.00 USD: the offline models cost nothing{beside}."
    parts = [spent]
    if report.spending and all(row.model.startswith(REHEARSAL) for row in report.spending):
        parts = [f"Rehearsal, nobody was billed: {spent} as if they were paid"]
    if report.list_price_usd is not None:
        parts.append(f"list price {report.list_price_usd:.4f}")
    if report.budget_usd is not None:
        share = f" ({report.spent_usd / report.budget_usd:.0%})" if report.budget_usd else ""
        parts.append(f"budget {report.budget_usd:.2f}{share}")
    if report.spent_before_usd is not None:
        parts.append(f"last week {report.spent_before_usd:.4f}")
    return f"{', '.join(parts)}."


def to_do(report: WeekReport) -> list[str]:
    """The operator's actions, most important first; empty if there are none."""
    steps: list[tuple[int, int, str]] = []
    if report.finished_at is None:
        steps.append((2, 0, f"The week is not finished: `matchme run --week {report.week}`."))
    if report.stopped_by:
        steps.append((1, 0, f"Work stopped early: {report.stopped_by}"))
    steps += [
        (row.rank, -row.jobs, f"{row.what}, {row.cause}: {row.meaning} {row.remedy}")
        for row in report.failures
        # These retry automatically or need no action.
        if row.rank < 4 or row.jobs >= 5
    ]
    steps += [
        (1 if check.is_error else 5, 0, f"Check {check.check} on {check.asset}: {check.description}")
        for check in report.checks
    ]
    steps += [(3, 0, finding) for finding in report.findings]
    return [text for _, _, text in sorted(dict.fromkeys(steps))]


def slowest(report: WeekReport, most: int = 5) -> Sequence[tuple[str, float]]:
    """The stages that took longest."""
    return sorted(report.seconds_by_stage, key=lambda stage: (-stage[1], stage[0]))[:most]


def message(report: WeekReport, links: Sequence[tuple[str, str]] = ()) -> str:
    """The text of the message "week finished"; plain text, because people read it on a phone."""
    lines = [headline(report)]
    figures = {figure.name: figure for figure in report.figures}
    shown = [figures[name] for name in ("items", "insights", "members scored", "matches") if name in figures]
    lines.append(", ".join(f"{figure.now:,.0f} {figure.name}{_change(figure)}" for figure in shown) + ".")
    lines.append(money(report))
    steps = to_do(report)
    lines.append("Nothing to do." if not steps else f"To do ({len(steps)}): {steps[0]}")
    lines += [f"{name}: {address}" for name, address in links]
    return "\n".join(lines)


def change_of(figure: Figure) -> str:
    """The change against last week, as text."""
    if figure.before is None:
        return "first week"
    difference = figure.now - figure.before
    if not difference:
        return "no change"
    share = f" ({difference / figure.before:+.0%})" if figure.before else ""
    return f"{difference:+,.0f}{share}" if abs(difference) >= 10 else f"{difference:+,.4g}{share}"


def _change(figure: Figure) -> str:
    return "" if figure.before is None else f" ({change_of(figure)})"
