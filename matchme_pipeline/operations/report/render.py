"""The report as Markdown for Dagster and as a self-contained HTML page."""

import re
from base64 import b64encode
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from matchme_pipeline.operations.report import content
from matchme_pipeline.operations.report.charts import charts
from matchme_pipeline.operations.report.content import WeekReport

_loader = PackageLoader("matchme_pipeline.operations.report")
_pages = Environment(loader=_loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
# Markdown is not HTML: quotes need no escaping.
_texts = Environment(loader=_loader, autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def with_commands(text: str) -> Markup:
    """The text as HTML, with code formatting for text in backticks."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


_pages.filters["commands"] = with_commands


def markdown(report: WeekReport, links: Sequence[tuple[str, str]] = ()) -> str:
    """The report without its pictures."""
    return _texts.get_template("report.md").render(**_values(report, links))


def pictures(report: WeekReport) -> str:
    """The report's charts in Markdown, for a light background, because images cannot follow Dagster's dark mode."""
    return "\n\n".join(f"![{chart.alt}]({_address(chart.svg('light'))})" for chart in charts(report))


def html(report: WeekReport, links: Sequence[tuple[str, str]] = ()) -> str:
    """The whole report as one HTML file: styles and pictures inside, no script, light and dark, wide and narrow."""
    drawn = [(chart, _address(chart.svg("light")), _address(chart.svg("dark"))) for chart in charts(report)]
    return _pages.get_template("report.html").render(**_values(report, links), charts=drawn)


def _values(report: WeekReport, links: Sequence[tuple[str, str]]) -> dict[str, object]:
    return {
        "report": report,
        "headline": content.headline(report),
        "money": content.money(report),
        "to_do": content.to_do(report),
        "slowest": content.slowest(report),
        "change_of": content.change_of,
        "links": links,
    }


def _address(svg: str) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
