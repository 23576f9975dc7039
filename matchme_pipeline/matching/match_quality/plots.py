"""Match quality in pictures and tables for the metadata, in Markdown."""

from collections.abc import Sequence

from matchme_pipeline.dna.plots import bars, lines, markdown_image, markdown_table
from matchme_pipeline.matching.learning.evaluation import Interval
from matchme_pipeline.matching.match_quality.cells import STAGES
from matchme_pipeline.matching.match_quality.measures import BAND_POINTS
from matchme_pipeline.matching.match_quality.quality import Quality
from matchme_pipeline.matching.match_quality.wording import TOO_FEW


def calibration_plot(found: Quality) -> str:
    """The share of mutual likes by score, beside the score in percent."""
    if not found.bands:
        return TOO_FEW
    labels = [str(band.points) for band in found.bands]
    series = {
        "liked each other, %": [100 * band.share for band in found.bands],
        "score": [band.mean_score for band in found.bands],
    }
    rows = [
        (f"{band.points} to {band.points + BAND_POINTS}", band.pairs, band.mutual, f"{band.share:.1%}")
        for band in found.bands
    ]
    return "\n\n".join(
        [
            markdown_image("calibration", lines("Pairs that liked each other, by score", labels, series)),
            markdown_table(["score", "pairs seen by both", "liked each other", "share"], rows),
        ]
    )


def funnel_plot(found: Quality) -> str:
    """The funnel of each rank as bars, and of every cell as a table."""
    if not found.funnel:
        return TOO_FEW
    liked = {
        f"rank {cell.cell}": round(100 * cell.counts["liked"] / cell.counts["shown"], 1)
        for cell in found.funnel
        if cell.kind == "rank"
    }
    rows = [(cell.kind, cell.cell, *(cell.counts[name] for name in STAGES)) for cell in found.funnel]
    return "\n\n".join(
        [
            markdown_image("likes by rank", bars("Likes, % of what is shown, by rank", liked)),
            markdown_table(["by", "", *STAGES], rows),
        ]
    )


def exposure_table(found: Quality) -> str:
    """Exposure by group."""
    rows = [
        (cell.kind, cell.cell, cell.members, f"{cell.covered / cell.members:.1%}", f"{cell.mean_places:.2f}", cell.gini)
        for cell in found.exposure
        if cell.members
    ]
    return markdown_table(
        ["by", "", "members", "in a list", "places each", "Gini"],
        [(*row[:-1], f"{row[-1]:.3f}") for row in rows],
    )


def in_words(found: Quality) -> str:
    """The week's quality in sentences."""
    sentences = [
        f"**{found.shown_pairs:,} pairs** shown, {found.seen_pairs:,} seen by both, {found.mutual_pairs:,} of these "
        f"like each other ({said(found.mutual_share, '{:.1%}')}).",
        f"AUC of the score {said(found.auc)}, log loss {said(found.log_loss)} "
        f"({said(found.base_log_loss)} for the constant forecast), calibration error {said(found.calibration_error)}.",
        f"Seen pairs that like each other: chosen by the score {said(found.chosen_share, '{:.1%}')}, drawn at random "
        f"{said(found.drawn_share, '{:.1%}')} ({found.drawn_seen_pairs:,} random pairs seen).",
        f"{found.covered:,} of {found.members:,} members appear in a list, Gini {found.gini:.3f}.",
    ]
    return " ".join(sentences)


def said(figure: Interval | float | None, wording: str = "{:.3f}") -> str:
    """A figure as text, with its interval if it has one; "too few" without a value."""
    if figure is None:
        return TOO_FEW
    parts: Sequence[float] = (figure.value, figure.low, figure.high) if isinstance(figure, Interval) else (figure,)
    words = [wording.format(part) for part in parts]
    return words[0] if len(words) == 1 else f"{words[0]} ({words[1]} to {words[2]})"
