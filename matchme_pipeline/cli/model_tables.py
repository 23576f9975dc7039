"""Tables of learned versions."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from matchme_pipeline.cli import console
from matchme_pipeline.matching.match_models.decision_queries import WeekModel
from matchme_pipeline.matching.model_queries import StoredVersion


def versions(found: Sequence[StoredVersion]) -> None:
    """One line per version, and the version that scores the coming weeks."""
    if not found:
        console.result("no version has been trained yet: the untrained score is in use")
        return
    table = Table(title="Learned versions", title_justify="left")
    for heading in ("version", "state", "by", "factors"):
        table.add_column(heading)
    for heading in ("shown pairs", "mutual", "judged on", "log loss", "in use", "AUC", "in use"):
        table.add_column(heading, justify="right")
    for stored in found:
        table.add_row(
            str(stored.week),
            Text(stored.state, style="bold" if stored.is_in_use else ""),
            stored.state_by,
            stored.factors_version,
            f"{stored.shown_pairs:,}",
            f"{stored.mutual_pairs:,}",
            *_judgement(stored.figures),
        )
    console.out.print(table)
    used = next((stored for stored in found if stored.is_in_use), None)
    console.result(f"The coming weeks are scored by {f'version {used.week}' if used else 'the untrained score'}.")


def version(stored: StoredVersion, weeks: Sequence[WeekModel]) -> None:
    """What a version learned, how it performed, and which weeks it scored."""
    console.out.print(Text(f"\nVersion {stored.week}: {stored.state} (by {stored.state_by})", style="bold"))
    console.result(
        f"  trained on {stored.shown_pairs:,} pairs of the match weeks {stored.first_match_week} to "
        f"{stored.last_match_week}: {stored.answers:,} answers, {stored.mutual_pairs:,} mutual pairs"
    )
    learned = stored.version
    table = Table(title="Log-odds of a like", title_justify="left")
    table.add_column("feature")
    table.add_column("from 0 to 1 adds", justify="right")
    for name, value in learned.coefficients.items():
        table.add_row(name, f"{value:+.3f}")
    console.out.print(table)
    console.result(
        f"  members differ in how often they like by {learned.likes_variance:.3f}, in how often they are liked by "
        f"{learned.liked_variance:.3f} (variance of log-odds)"
    )
    for line in _lines(stored.figures):
        console.result(f"  {line}")
    for reason in stored.reasons:
        console.result(f"  {stored.judged_week}: {reason}")
    console.result(f"  weeks scored: {', '.join(str(week.week) for week in weeks) or 'none'}")


def _judgement(figures: Mapping[str, Any]) -> tuple[str, ...]:
    if not figures:
        return ("", "", "", "", "")
    return (
        f"{figures['pairs']:,}",
        f"{figures['challenger_loss']:.4f}",
        f"{figures['champion_loss']:.4f}",
        f"{figures['challenger_auc']['value']:.3f}",
        f"{figures['champion_auc']['value']:.3f}",
    )


def _lines(figures: Mapping[str, Any]) -> list[str]:
    if not figures:
        return ["not judged yet"]
    gain, own, theirs = figures["gain"], figures["challenger_auc"], figures["champion_auc"]
    return [
        f"judged on {figures['pairs']:,} pairs of later weeks, {figures['mutual']:,} of them mutual (95 % intervals):",
        f"log loss {figures['challenger_loss']:.4f} against {figures['champion_loss']:.4f} of what was in use: "
        f"it saves {gain['value']:.4f} ({gain['low']:.4f} to {gain['high']:.4f})",
        f"AUC {_interval(own)} against {_interval(theirs)}",
    ]


def _interval(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
