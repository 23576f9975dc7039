"""The report's charts as SVG by matplotlib, for light and dark backgrounds. Tables hold the figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Literal

from matchme_pipeline.operations.report.content import WeekReport

_BLUE, _GREEN, _WARM = "#4f6df5", "#2a9d8f", "#e07a3f"
Ground = Literal["light", "dark"]
_INK: dict[Ground, tuple[str, str, str]] = {
    "light": ("#ffffff", "#222222", "#d7d9de"),
    "dark": ("#171a21", "#e6e8ec", "#3a3f4b"),
}


@dataclass(frozen=True)
class Chart:
    """One chart; `alt` describes it in words."""

    title: str
    alt: str
    values: Sequence[tuple[str, float]]
    colour: str
    horizontal: bool

    def svg(self, ground: Ground) -> str:
        """The chart as an SVG document for a light or dark background; drawing takes a quarter of a second."""
        return _draw(self, ground)


def charts(report: WeekReport) -> list[Chart]:
    """Cost by week, seconds by stage, DNA and match scores, tiers, and how often members are shown."""
    bins = [str(10 * number) for number in range(10)]
    stages = [(name, seconds) for name, seconds in report.seconds_by_stage if seconds > 0]
    return [
        _bars(
            "Cost by week at list prices (USD)" if report.is_offline else "Cost by week (USD)",
            [(week[5:], usd) for week, usd in report.cost_by_week],
            _WARM,
        ),
        _bars("Seconds by stage", stages, _BLUE, horizontal=True),
        _bars("DNA scores (members who see theirs)", list(zip(bins, report.score_bins, strict=True)), _BLUE),
        _bars("Members by tier", report.tiers, _GREEN),
        _bars("Match scores (rows of lists)", list(zip(bins, report.match_score_bins, strict=True)), _BLUE),
        _bars(
            "Exposure: members by how many others see them",
            [(str(size), members) for size, members in report.members_by_list_size],
            _GREEN,
        ),
    ]


def _bars(title: str, values: Sequence[tuple[str, float]], colour: str, *, horizontal: bool = False) -> Chart:
    said = ", ".join(f"{label}: {value:,.4g}" for label, value in values) or "no data"
    return Chart(title, f"{title}: {said}", values, colour, horizontal)


def _draw(chart: Chart, ground: Ground) -> str:
    # Not at module level: the code location loads without a chart library.
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    back, ink, grid = _INK[ground]
    # A fixed salt and no date: the same report draws the same file.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "matchme", "font.family": "sans-serif", "font.size": 10}):
        figure = Figure(figsize=(5.2, 2.6), layout="constrained", facecolor=back)
        axes = figure.subplots()
        labels, heights = [label for label, _ in chart.values], [value for _, value in chart.values]
        if chart.horizontal:
            axes.barh(labels, heights, color=chart.colour)
            axes.invert_yaxis()
        else:
            axes.bar(labels, heights, color=chart.colour)
        if not any(heights):
            axes.text(0.5, 0.5, "nothing yet", transform=axes.transAxes, ha="center", va="center", color=ink)
        axes.set_title(chart.title, loc="left", color=ink, fontsize=11)
        axes.set_facecolor(back)
        axes.tick_params(colors=ink, length=0)
        axes.grid(axis="x" if chart.horizontal else "y", color=grid, linewidth=0.8)
        axes.set_axisbelow(True)
        for side in axes.spines.values():
            side.set_visible(False)
        written = StringIO()
        FigureCanvasSVG(figure).print_figure(written, format="svg", metadata={"Date": None})
    svg = written.getvalue()
    return svg[svg.index("<svg") :]
