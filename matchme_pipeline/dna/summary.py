"""Overview of a week's scores: figures, tables and pictures for the asset's metadata."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from matchme_pipeline.dna import plots
from matchme_pipeline.dna.fixed_point import MICRO
from matchme_pipeline.dna.weights import STRAND_NAMES, TIERS, WEIGHTS

_BINS = 10


def score_figures(table: pd.DataFrame) -> dict[str, float]:
    """Numbers that the UI plots over the weeks: members, means, and members per tier."""
    scored = table[~table["seed_state"].to_numpy(dtype=bool)]
    figures: dict[str, float] = {
        "members": len(table),
        "scored_members": len(scored),
        "seed_state_members": len(table) - len(scored),
        "mean_score": round(float(scored["score"].mean()), 2) if len(scored) else 0.0,
    }
    for strand in WEIGHTS:
        figures[f"mean_{strand}"] = round(float(table[strand].mean()) / MICRO, 2) if len(table) else 0.0
    for tier in TIERS:
        figures[f"tier_{tier.lower()}"] = int((scored["tier"] == tier).sum())
    return figures


def score_plots(table: pd.DataFrame) -> str:
    """The distribution of scores and strands, as Markdown."""
    scored = table[~table["seed_state"].to_numpy(dtype=bool)]
    pictures = [_histogram("Scores (members beyond the seed state)", scored["score"].to_numpy(dtype=float))]
    pictures += [_histogram(STRAND_NAMES[s], table[s].to_numpy(dtype=float) / MICRO) for s in WEIGHTS]
    rows = [
        (STRAND_NAMES[s], f"{w} %", *_quartiles(table[s].to_numpy(dtype=float) / MICRO)) for s, w in WEIGHTS.items()
    ]
    rows.append(("Score", "", *_quartiles(scored["score"].to_numpy(dtype=float))))
    header = ("strand", "weight", "lowest", "quarter", "median", "three quarters", "highest")
    return "\n\n".join([plots.markdown_table(header, rows), *pictures])


def tier_plot(weeks: Sequence[date], counts: Mapping[tuple[date, str], int]) -> str:
    """Members per tier, week over week, as Markdown."""
    series = {tier: [counts.get((week, tier), 0) for week in weeks] for tier in TIERS}
    picture = plots.lines("Members per tier", [f"{week:%d %b}" for week in weeks], series)
    rows = [(week, *(values[n] for values in series.values())) for n, week in enumerate(weeks)]
    return "\n\n".join([plots.markdown_table(("week", *TIERS), rows), plots.markdown_image("Tiers", picture)])


def trait_plots(distribution: pd.DataFrame) -> str:
    """How common traits are, and which are the most and least common, as Markdown."""
    frequency = distribution["frequency"].to_numpy(dtype=float)
    ordered = distribution.sort_values(["user_count", "trait_key"], ascending=[False, True])
    shown = pd.concat([ordered.head(10), ordered.tail(10)]).drop_duplicates("trait_key")
    rows = [
        (str(name).replace("|", "/"), count, f"{100 * share:.1f} %", f"{idf:.2f}")
        for name, count, share, idf in zip(
            shown["trait_display_name"], shown["user_count"], shown["frequency"], shown["idf"], strict=True
        )
    ]
    table = plots.markdown_table(("trait", "members", "frequency", "idf"), rows)
    return "\n\n".join([_histogram("Traits by frequency (%)", 100 * frequency), table])


def originality_plot(originality: pd.DataFrame) -> str:
    """The distribution of measured originality, as Markdown."""
    measured = originality[originality["measured"].to_numpy(dtype=bool)]
    return _histogram("Content originality (measured members)", measured["score"].to_numpy(dtype=float))


def _histogram(title: str, values: np.ndarray) -> str:
    counts, edges = np.histogram(values, bins=_BINS, range=(0, 100))
    bars = {f"{low:.0f}": int(count) for low, count in zip(edges[:-1], counts, strict=True)}
    return plots.markdown_image(title, plots.bars(title, bars))


def _quartiles(values: np.ndarray) -> list[str]:
    if not len(values):
        return ["–"] * 5
    return [f"{value:.1f}" for value in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])]
