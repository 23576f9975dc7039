"""The campaign's table: by kind of disturbance, what it did and what came of it."""

from collections.abc import Sequence

from matchme_pipeline_tests.chaos.rounds import Outcome

COLUMNS = ("disturbances", "re-runs equal", "jobs lost", "done twice", "paid twice", "in flight lost", "passed")


def table(outcomes: Sequence[Outcome]) -> str:
    """One line a kind, and a last one over all; a round of several kinds counts for each of them."""
    kinds = sorted({kind for outcome in outcomes for kind in outcome.disturbances})
    lines = [f"| {'disturbance':<24} | " + " | ".join(COLUMNS) + " |"]
    lines.append("| --- | " + " | ".join("---:" for _ in COLUMNS) + " |")
    for kind in kinds:
        own = [outcome for outcome in outcomes if kind in outcome.disturbances]
        lines.append(_line(kind, own, sum(outcome.disturbances.count(kind) for outcome in own)))
    lines.append(_line("all", outcomes, sum(len(outcome.disturbances) for outcome in outcomes)))
    return "\n".join(lines)


def line(outcome: Outcome) -> str:
    """One round as it ends."""
    state = "passed" if not outcome.verdict.faults else "FAILED"
    what = ", ".join(outcome.disturbances) or "missed its moment"
    return f"round {outcome.number:>3}  {state}  {outcome.seconds:5.1f} s  {outcome.setting}: {what}"


def _line(name: str, outcomes: Sequence[Outcome], count: int) -> str:
    verdicts = [outcome.verdict for outcome in outcomes]
    figures = (
        str(count),
        f"{sum(v.equal for v in verdicts)} of {len(verdicts)}",
        str(sum(v.jobs_lost for v in verdicts)),
        str(sum(v.done_twice for v in verdicts)),
        str(sum(v.paid_twice for v in verdicts)),
        str(sum(v.in_flight_lost for v in verdicts)),
        f"{sum(not v.faults for v in verdicts)} of {len(verdicts)}",
    )
    return f"| {name:<24} | " + " | ".join(figures) + " |"
