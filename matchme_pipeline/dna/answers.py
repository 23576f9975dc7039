"""Answers to the app's questionnaires as chosen options; free-text answers are not read."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd

# A scale wider than this is a mistake in the questionnaire, not a question.
_MAX_SCALE = 100


def chosen_options(answers: pd.DataFrame, found: Counter[str]) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """Per question: its id, its wording, and the members with their choices (two lists of one length).

    `answers` is `Facts.answers`. An answer counts as far as it names the question's own options; a question of type
    text has none. Other answers are counted.
    """
    for question_id, group in answers.groupby("question_id", sort=True):
        first = group.iloc[0]
        if first["type"] == "text":
            continue
        options = {label for option in _listed(first["options"]) if (label := _label(option)) is not None}
        owners: list[str] = []
        chosen: list[str] = []
        for owner, answer in zip(group["user_id"], group["answer"], strict=True):
            for item in answer if isinstance(answer, list) else [answer]:
                label = _label(item)
                if label is not None and label in options:
                    owners.append(owner)
                    chosen.append(label)
                elif item is not None:
                    found["answers_outside_options"] += 1
        yield str(question_id), str(first["question"]), owners, chosen


def _listed(options: Any) -> list[Any]:
    if isinstance(options, dict):
        low, high = options.get("min"), options.get("max")
        if isinstance(low, int) and isinstance(high, int) and 0 <= high - low <= _MAX_SCALE:
            return list(range(low, high + 1))
        return list(options.values())
    return options if isinstance(options, list) else []


def _label(item: Any) -> str | None:
    if isinstance(item, dict):
        item = item.get("value", item.get("label"))
    if isinstance(item, bool) or item is None or isinstance(item, dict | list):
        return None
    return str(item).strip() or None
