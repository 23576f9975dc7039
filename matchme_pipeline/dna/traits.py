"""Members' traits from stated attributes, content and answers, as pairs of a member and a trait."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from matchme_pipeline.dna.answers import chosen_options
from matchme_pipeline.dna.facts import Facts
from matchme_pipeline.dna.fixed_point import Integers, distinct
from matchme_pipeline.dna.text import fold_typos, identifies, normalise
from matchme_pipeline.dna.weights import (
    ALWAYS_TRAITS,
    ANSWER_CATEGORY,
    COUNT_BAND,
    ESTABLISHED_MEMBERS,
    INSIGHT_FIELD,
    POST_FIELD,
    TRAIT_FIELDS,
    TraitField,
)
from matchme_pipeline.profile_vocabulary import VOCABULARY, value_of

# The values of one field: positions of members, codes of values (both int64, row by row), and the values by code.
Stated = tuple[Integers, Integers, list[Any]]


@dataclass(frozen=True)
class Traits:
    """`table`: one row per trait (`key`, `field`, `category`, `name`), by key; `member`, `trait`: the pairs.

    `member` and `trait` are int64 positions in `Facts.members` and in `table`; each pair occurs once, in order.
    `members` is the size of the population, `found` counts values that were left out, by reason.
    """

    table: pd.DataFrame
    member: Integers
    trait: Integers
    members: int
    found: Counter[str]


def member_traits(facts: Facts) -> Traits:
    """Every trait of every member as of the cutoff."""
    found: Counter[str] = Counter()
    rows: list[tuple[str, str, str, str]] = []
    members: list[Integers] = []
    traits: list[Integers] = []
    for field, stated in _stated(facts, found):
        member, codes, values = _comparable(field, stated, found)
        members.append(member)
        traits.append(codes + len(rows))
        rows += [(f"{field.column}={v}", field.column, field.category, f"{field.name}: {v}") for v in values]
    table = pd.DataFrame(rows, columns=["key", "field", "category", "name"], dtype=object)
    order = table["key"].to_numpy().argsort(kind="stable")
    rank = np.empty(len(table), dtype=np.int64)
    rank[order] = np.arange(len(table))
    width = max(1, len(table))
    pairs = distinct(np.concatenate(members) * width + rank[np.concatenate(traits)])
    return Traits(table.iloc[order].reset_index(drop=True), pairs // width, pairs % width, len(facts.members), +found)


def distribution(traits: Traits) -> pd.DataFrame:
    """The frequency of each trait: n members of N have it, frequency n / N, idf = ln(N / n) (Spärck Jones 1972).

    Returns `trait_key`, `trait_category`, `trait_display_name`, `user_count`, `total_users`, `frequency` and `idf`
    (floats, eight decimals), by key. Traits without members are absent.
    """
    users = np.bincount(traits.trait, minlength=len(traits.table)).astype(np.int64)
    total = max(1, traits.members)
    return pd.DataFrame(
        {
            "trait_key": traits.table["key"],
            "trait_category": traits.table["category"],
            "trait_display_name": traits.table["name"],
            "user_count": users,
            "total_users": total,
            "frequency": np.round(users / total, 8),
            "idf": np.round(np.log(total / users), 8),
        }
    )


def _stated(facts: Facts, found: Counter[str]) -> Iterator[tuple[TraitField, Stated]]:
    """The stated values of each field, as written."""
    everybody = np.arange(len(facts.members), dtype=np.int64)
    for field in TRAIT_FIELDS:
        column = facts.members[field.column]
        yield field, _flattened(everybody, column) if field.kind == "list" else _coded(everybody, column)
    position = pd.Index(facts.members["user_id"], dtype=object)
    approved = facts.insights[(facts.insights["review_status"] == "approved").to_numpy(dtype=bool)]
    yield INSIGHT_FIELD, _coded(_positions(position, approved["user_id"]), approved["category"])
    yield POST_FIELD, _flattened(_positions(position, facts.posts["user_id"]), facts.posts["categories"])
    for question_id, question, owners, options in chosen_options(facts.answers, found):
        field = TraitField(f"answer:{question_id}", ANSWER_CATEGORY, question, "option")
        yield field, _coded(_positions(position, owners), options)


def _positions(position: pd.Index, owners: Any) -> Integers:
    """Positions in the population; -1 for other members."""
    return position.get_indexer(pd.Index(owners, dtype=object)).astype(np.int64)


def _coded(member: Integers, column: Any) -> Stated:
    known = member >= 0
    member = member[known]
    codes, values = pd.factorize(np.asarray(column, dtype=object)[known])
    return member[codes >= 0], codes[codes >= 0].astype(np.int64), list(values)


def _flattened(owners: Integers, lists: Iterable[Any]) -> Stated:
    items = [item if isinstance(item, list | tuple) else () for item in lists]
    lengths = np.fromiter(map(len, items), dtype=np.int64, count=len(items))
    everything: list[Any] = [value for item in items for value in item]
    return _coded(np.repeat(owners, lengths), _as_column(everything))


def _as_column(values: Sequence[Any]) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = [value if isinstance(value, str) else None for value in values]
    return column


def _comparable(field: TraitField, stated: Stated, found: Counter[str]) -> Stated:
    """Normalised values. For free-text fields, typos are corrected and values of too few members are left out."""
    member, codes, written = stated
    uses = np.bincount(codes, minlength=len(written))
    meant = [_meaning(field, raw, int(count), found) for raw, count in zip(written, uses, strict=True)]
    member, codes, values = _recoded(member, codes, meant)
    if field.kind not in ("text", "list"):
        return member, codes, values
    holders = dict(zip(values, np.bincount(codes, minlength=len(values)).tolist(), strict=True))
    listed = VOCABULARY.get(field.column, {})
    always = listed if field.column in ALWAYS_TRAITS else {}
    established = {v: n for v, n in holders.items() if n >= ESTABLISHED_MEMBERS or v in always}
    # Matching only knows listed spellings, so typos are not corrected to a listed value here.
    folded = fold_typos(
        (v for v in holders if v not in established and v not in listed),
        {v: n for v, n in established.items() if v not in listed},
    )
    found["typos_folded"] += sum(holders[v] for v in folded)
    found["too_rare_to_tell"] += sum(n for v, n in holders.items() if v not in established and v not in folded)
    return _recoded(member, codes, [v if v in established else folded.get(v) for v in values])


def _recoded(member: Integers, codes: Integers, meant: Sequence[str | None]) -> Stated:
    """Codes of normalised values instead of written ones; each pair once, without values that have no meaning."""
    values = sorted({value for value in meant if value is not None})
    position = {value: number for number, value in enumerate(values)}
    recode = np.array([-1 if value is None else position[value] for value in meant], dtype=np.int64)
    new = recode[codes] if len(codes) else codes
    width = max(1, len(values))
    pairs = distinct(member[new >= 0] * width + new[new >= 0])
    return pairs // width, pairs % width, values


def _meaning(field: TraitField, raw: Any, uses: int, found: Counter[str]) -> str | None:
    """One written value, normalised; None if it has no content, identifies a person, or is impossible."""
    if field.kind == "flag":
        return "yes" if raw else "no"
    if field.kind == "count":
        if raw < 0:
            found["impossible_counts"] += uses
            return None
        return f"{COUNT_BAND} or more" if raw >= COUNT_BAND else str(int(raw))
    if field.kind == "option":
        return str(raw)
    if isinstance(raw, str) and (listed := value_of(field.column, raw)) is not None:
        return listed
    if field.kind in ("text", "list") and isinstance(raw, str) and identifies(raw):
        found["identifying_or_prose"] += uses
        return None
    return normalise(raw)
