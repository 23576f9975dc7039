"""The inputs of the score: the members of a population and what they have shared, as of the cutoff."""

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd

MICROSECONDS_PER_DAY = 86_400_000_000
MICROSECONDS_PER_WEEK = 7 * MICROSECONDS_PER_DAY


@dataclass(frozen=True)
class Facts:
    """The population as of `cutoff` (microseconds since 1970, UTC); the order of rows has no meaning.

    `members`: one row each; `user_id`, `joined` (microseconds, missing where the app has none that can be), `city`
    (city cluster or missing), `bio`, `religion` (whatever the app's JSON holds), the columns of
    `weights.TRAIT_FIELDS` and `weights.DEPTH_DIMENSIONS`, and `islamic_sect`, `islamic_halal_preference`.
    `posts`: live ones; `user_id`, `shared` (microseconds), `depth_level`, `categories` (lists).
    `insights`: `user_id`, `category`, `review_status` (approved, rejected or pending as of the cutoff).
    `answers`: `user_id`, `question_id`, `question`, `type`, `options`, `answer` (JSON values).
    `found`: irregularities of the data, counted by name while reading.
    """

    cutoff: int
    members: pd.DataFrame
    posts: pd.DataFrame
    insights: pd.DataFrame
    answers: pd.DataFrame
    found: Counter[str]


def of_members(facts: Facts, user_ids: Collection[str]) -> Facts:
    """The same facts, restricted to some members."""
    wanted = set(user_ids)

    def part(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["user_id"].isin(wanted)].reset_index(drop=True)

    return Facts(
        facts.cutoff,
        part(facts.members),
        part(facts.posts),
        part(facts.insights),
        part(facts.answers),
        Counter(facts.found),
    )


def resolve_religion(facts: Facts) -> Facts:
    """Add `sect`, `practice_level` and `halal_preference`: the religious attributes' own table first, else the JSON.

    Malformed JSON (anything but an object with text values) states nothing and is counted.
    """
    found = Counter(facts.found)
    parsed = [_religion(raw, found) for raw in facts.members["religion"]]
    members = facts.members.reset_index(drop=True).assign(
        sect=_first_stated(facts.members["islamic_sect"], [one.get("sect") for one in parsed]),
        practice_level=_objects([one.get("practiceLevel") for one in parsed]),
        halal_preference=_first_stated(
            facts.members["islamic_halal_preference"], [one.get("halalPreference") for one in parsed]
        ),
    )
    return Facts(facts.cutoff, members, facts.posts, facts.insights, facts.answers, found)


def _religion(raw: Any, found: Counter[str]) -> dict[str, str]:
    if raw is None or (isinstance(raw, float) and raw != raw):
        return {}
    if isinstance(raw, str) and raw.lstrip().startswith("{"):
        # Encoded twice on its way into the column.
        try:
            raw = json.loads(raw)
        except ValueError:
            raw = None
    if not isinstance(raw, dict):
        found["malformed_religion"] += 1
        return {}
    stated = {key: value for key, value in raw.items() if isinstance(value, str)}
    if any(value is not None and key not in stated for key, value in raw.items()):
        found["malformed_religion"] += 1
    return stated


def _first_stated(first: pd.Series, second: list[str | None]) -> pd.Series:
    return _objects([a if isinstance(a, str) and a.strip() else b for a, b in zip(first, second, strict=True)])


def _objects(values: list[str | None]) -> pd.Series:
    return pd.Series(values, dtype=object)
