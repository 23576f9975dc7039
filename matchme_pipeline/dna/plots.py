"""Small pictures for the metadata: bars and lines as SVG, without a plotting library."""

import base64
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 520, 180, 44, 34, 26
_COLOURS = ("#4f6df5", "#2a9d8f", "#e9a23b", "#d1495b", "#7b5ea7")


def bars(title: str, values: Mapping[str, float]) -> str:
    """One bar per entry, labelled, as an SVG document."""
    high = max([*values.values(), 1])
    step = (_WIDTH - _LEFT - 10) / max(1, len(values))
    shapes = []
    for number, (label, value) in enumerate(values.items()):
        x, height = _LEFT + number * step, _plot_height() * value / high
        y = _HEIGHT - _BOTTOM - height
        shapes.append(
            f'<rect x="{x + step * 0.1:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}" '
            f'fill="{_COLOURS[0]}"><title>{escape(label)}: {value:g}</title></rect>'
        )
        shapes.append(_text(x + step / 2, _HEIGHT - _BOTTOM + 14, label, "middle"))
    return _document(title, high, shapes)


def lines(title: str, xs: Sequence[str], series: Mapping[str, Sequence[float]]) -> str:
    """One line per series over the labels `xs`, as an SVG document."""
    high = max([value for values in series.values() for value in values] + [1])
    step = (_WIDTH - _LEFT - 20) / max(1, len(xs) - 1)
    shapes = [_text(_LEFT + n * step, _HEIGHT - _BOTTOM + 14, x, "middle") for n, x in enumerate(xs)]
    for number, (name, values) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = [
            (_LEFT + n * step, _HEIGHT - _BOTTOM - _plot_height() * value / high) for n, value in enumerate(values)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        shapes += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        shapes.append(_text(_LEFT + 92 * number, _HEIGHT - 5, name, "start", colour))
    return _document(title, high, shapes)


def markdown_image(title: str, svg: str) -> str:
    """The picture as a data URL in one line of Markdown, which the UI displays."""
    encoded = base64.b64encode(svg.encode()).decode()
    return f"![{title}](data:image/svg+xml;base64,{encoded})"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown: the figures of a picture as text, for accessibility."""
    lines_ = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines_ + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def _plot_height() -> float:
    return _HEIGHT - _BOTTOM - _TOP


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#555") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="10" font-family="sans-serif" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _document(title: str, high: float, shapes: Sequence[str]) -> str:
    base = _HEIGHT - _BOTTOM
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}"><rect width="100%" height="100%" fill="#fff"/>',
            _text(_LEFT, 14, title, "start", "#222"),
            _text(_LEFT - 6, _TOP + 8, f"{high:g}", "end"),
            f'<line x1="{_LEFT}" y1="{base}" x2="{_WIDTH - 10}" y2="{base}" stroke="#bbb"/>',
            *shapes,
            "</svg>",
        ]
    )
