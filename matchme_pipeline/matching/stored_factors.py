"""Reads stored `compatibility_factors`; an earlier batch may have written any JSON."""

from typing import Any, NamedTuple

from matchme_pipeline.database.stored_values import json_number, json_object, json_objects


class StoredFactor(NamedTuple):
    """One stored factor; `contribution` in points."""

    name: str
    value: float
    contribution: float
    sentence: str


def stored_factors(factors: Any) -> list[StoredFactor]:
    """The factors with a contribution and a sentence, largest contribution first; tolerates any stored value."""
    found = [
        StoredFactor(
            str(row.get("name", "")),
            json_number(row.get("value")),
            json_number(row.get("contribution")),
            row["sentence"],
        )
        for row in json_objects(json_object(factors).get("factors"))
        if isinstance(row.get("sentence"), str) and row["sentence"]
    ]
    return sorted((one for one in found if one.contribution > 0), key=lambda one: (-one.contribution, one.name))
