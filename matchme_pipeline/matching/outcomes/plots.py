"""Pictures of outcomes for the metadata."""

import pandas as pd

from matchme_pipeline.dna.plots import bars, markdown_image, markdown_table
from matchme_pipeline.matching.outcomes import funnel


def funnel_plot(outcomes: pd.DataFrame) -> str:
    """The funnel of all match weeks as bars, and of each match week as a table, in Markdown."""
    names = [stage.name for stage in funnel.STAGES]
    whole = bars("Sides that reached each stage", funnel.counts(outcomes))
    rows = [
        (match_week, *(counts[name] for name in names))
        for match_week, counts in funnel.counts_by(outcomes, "match_week").items()
    ]
    return "\n\n".join([markdown_image("funnel", whole), markdown_table(["match week", *names], rows)])
