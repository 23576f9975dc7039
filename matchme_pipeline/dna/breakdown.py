"""Explains a score in plain words: the points of each strand, one sentence on the reason, and the figures."""

import math
from typing import Any

import pandas as pd

from matchme_pipeline.dna import wording
from matchme_pipeline.dna.fixed_point import MICRO
from matchme_pipeline.dna.score import Strands
from matchme_pipeline.dna.weights import (
    MIN_OTHERS_IN_CITY,
    REQUIRED_APPROVED_INSIGHTS,
    WEIGHTS,
)

Json = dict[str, Any]


def explained(table: pd.DataFrame, found: Strands) -> pd.DataFrame:
    """`table` (of `score.scores`) with `component_breakdown`, `rare_traits`, `unique_behaviours` (JSON values).

    `component_breakdown` maps each strand to `score` (0-100), `weight` (per cent), `points` (its share of the score;
    0 in the seed state), `sentence` and `figures`; in the seed state `seed_state` says what is missing.
    """
    rare = _rare_traits(found)
    unique = _unique_behaviours(found)
    strand_figures = {
        "trait_rarity": _rarity(found, rare),
        "profile_depth": _depth(found),
        "behavioural": _behaviour(found, unique),
        "content_originality": _originality(found),
        "cultural_variance": _culture(found),
    }
    breakdowns = []
    raw = {strand: table[strand].tolist() for strand in WEIGHTS}
    states = zip(
        table["member"].tolist(), table["seed_state"].tolist(), table["approved_insights"].tolist(), strict=True
    )
    for row, (member, seed_state, approved) in enumerate(states):
        one: Json = {}
        for strand, weight in WEIGHTS.items():
            sentence, figures = strand_figures[strand][member]
            one[strand] = {
                "score": raw[strand][row] / MICRO,
                "weight": weight,
                "points": 0.0 if seed_state else weight * raw[strand][row] / (100 * MICRO),
                "sentence": sentence,
                "figures": figures,
            }
        if seed_state:
            one["seed_state"] = _seed_state(approved)
        breakdowns.append(one)
    members = table["member"].tolist()
    return table.assign(
        component_breakdown=_objects(breakdowns),
        rare_traits=_objects([rare.get(member, []) for member in members]),
        unique_behaviours=_objects([unique.get(member, []) for member in members]),
    )


def _objects(values: list[Any]) -> pd.Series:
    return pd.Series(values, dtype=object)


def _seed_state(approved: int) -> Json:
    missing = REQUIRED_APPROVED_INSIGHTS - approved
    return {
        "approved_insights": approved,
        "required_insights": REQUIRED_APPROVED_INSIGHTS,
        "missing_insights": missing,
        "sentence": wording.seed_state(missing),
    }


def _rare_traits(found: Strands) -> dict[int, list[Json]]:
    rows = found.rarity.rare
    named: dict[int, list[Json]] = {}
    columns = ("member", "trait_key", "trait_display_name", "trait_category", "user_count", "frequency")
    for member, key, name, category, users, frequency in zip(*(rows[c].tolist() for c in columns), strict=True):
        named.setdefault(member, []).append(
            {"trait": key, "name": name, "category": category, "members": users, "frequency": frequency}
        )
    return named


def _unique_behaviours(found: Strands) -> dict[int, list[Json]]:
    rows = found.behaviour.unique
    named: dict[int, list[Json]] = {}
    columns = ("member", "habit", "value", "typical", "mean", "z", "percentile")
    for member, habit, value, typical, mean, z, percentile in zip(*(rows[c].tolist() for c in columns), strict=True):
        named.setdefault(member, []).append(
            {
                "behaviour": habit,
                "name": wording.habit_name(habit),
                "value": round(value, 4),
                "typical": round(typical, 4),
                "mean": round(mean, 4),
                "z": round(z, 2),
                "percentile": round(percentile, 2),
                "sentence": wording.unique_behaviour(habit, value, typical),
            }
        )
    return named


def _rarity(found: Strands, rare: dict[int, list[Json]]) -> list[tuple[str, Json]]:
    return [
        (wording.trait_rarity(traits, named), {"traits": traits, "rare_traits": len(named)})
        for traits, named in ((n, rare.get(m, [])) for m, n in enumerate(found.rarity.counted.tolist()))
    ]


def _depth(found: Strands) -> list[tuple[str, Json]]:
    names = list(found.depth.dimensions)
    columns = zip(*(found.depth.dimensions[name].tolist() for name in names), strict=True)
    missing: list[list[str]] = [[] for _ in range(len(found.facts.members))]
    for field, lacks in found.depth.missing.items():
        for member in lacks.nonzero()[0].tolist():
            missing[member].append(field)
    return [
        (
            wording.profile_depth(lacking),
            {
                "dimensions": {name: round(value, 2) for name, value in zip(names, values, strict=True)},
                "missing": lacking,
            },
        )
        for values, lacking in zip(columns, missing, strict=True)
    ]


def _behaviour(found: Strands, unique: dict[int, list[Json]]) -> list[tuple[str, Json]]:
    names = list(found.behaviour.z.columns)
    z = found.behaviour.z.to_numpy().tolist()
    values = found.habits.figures.to_numpy().tolist()
    explained = []
    rows = zip(
        found.habits.days.tolist(),
        found.habits.active.tolist(),
        found.behaviour.compared.tolist(),
        found.behaviour.deviation.tolist(),
        strict=True,
    )
    for member, (days, active, compared, deviation) in enumerate(rows):
        figures: Json = {"days_active": max(days, 0)}
        if compared:
            figures["mean_deviation"] = round(deviation, 4)
            figures["habits"] = {
                name: {"value": round(value, 4), "z": round(score, 2)}
                for name, value, score in zip(names, values[member], z[member], strict=True)
                if not math.isnan(score)
            }
        explained.append((wording.behaviour(days, active, unique.get(member, [])), figures))
    return explained


def _originality(found: Strands) -> list[tuple[str, Json]]:
    columns = ("measured", "own_items", "other_items", "mean_similarity", "percentile")
    explained = []
    for measured, own, other, similarity, percentile in zip(
        *(found.originality[c].tolist() for c in columns), strict=True
    ):
        own, other = (0 if math.isnan(own) else int(own)), (0 if math.isnan(other) else int(other))
        figures: Json = {"own_items": own, "other_items": other}
        if measured:
            figures |= {"mean_similarity": similarity, "percentile": percentile}
        explained.append((wording.content_originality(own, other, percentile if measured else None), figures))
    return explained


def _culture(found: Strands) -> list[tuple[str, Json]]:
    cities = found.facts.members["city"].tolist()
    rows = zip(
        cities,
        found.culture.others.tolist(),
        found.culture.compared.tolist(),
        found.culture.measured.tolist(),
        found.culture.points.tolist(),
        strict=True,
    )
    return [
        (
            wording.cultural_variance(
                isinstance(city, str), others, others >= MIN_OTHERS_IN_CITY, points / MICRO if measured else None
            ),
            {"others_in_city": others, "attributes": attributes},
        )
        for city, others, attributes, measured, points in rows
    ]
