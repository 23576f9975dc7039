"""The stored figures of match quality in words, for the report and the terminal; pure."""

from collections.abc import Mapping
from typing import Any

TOO_FEW = "too few"
# A figure's name, its column, how it is written, and whether it has an interval.
_LINES = (
    ("AUC of the score", "auc", "{:.3f}", True),
    ("log loss of the score", "log_loss", "{:.3f}", True),
    ("calibration error", "calibration_error", "{:.3f}", False),
    ("viewed pairs that like each other", "mutual_share", "{:.1%}", True),
    ("the same, four weeks, chosen by the score", "chosen_share", "{:.1%}", True),
    ("the same, drawn at random", "drawn_share", "{:.1%}", True),
    ("members in a list, of those with an eligible partner", "coverage", "{:.1%}", False),
    ("exposure Gini", "gini", "{:.3f}", False),
)


def rows_in_words(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    """Each figure's name, its value this week with its interval, and its value of the previous week."""
    return [
        (name, value_in_words(now, column, wording, has_interval), value_in_words(before or {}, column, wording, False))
        for name, column, wording, has_interval in _LINES
    ]


def value_in_words(row: Mapping[str, Any], column: str, wording: str = "{:.3f}", has_interval: bool = True) -> str:
    """One figure of a stored row; "too few" without a value."""
    if row.get(column) is None:
        return TOO_FEW
    value = wording.format(row[column])
    if not has_interval:
        return value
    return f"{value} ({wording.format(row[f'{column}_low'])} to {wording.format(row[f'{column}_high'])})"
