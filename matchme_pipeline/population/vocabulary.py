"""The vocabulary of seeded members: themes with their sentences, sentence frames, names and professions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import yaml

from matchme_pipeline.population.random_draws import one

KINDS = ("interests", "values", "personality", "family")
# Themes about a member's personality rather than their interests or values.
_LIFESTYLE = frozenset({"fitness", "cooking", "coffee", "gardening", "simplicity", "cycling", "sewing", "stewardship"})
_CHOICE = re.compile(r"\{([^{}]*\|[^{}]*)\}")


@dataclass(frozen=True)
class Theme:
    """A theme: an insight's title and subject, and sentences about it."""

    kind: str
    name: str
    title: str
    about: str
    # Themes of one circle are often loved together.
    circle: str
    subjects: tuple[str, ...]
    sentences: tuple[str, ...]

    @property
    def category(self) -> str:
        """The insight category that a sentence on the theme supports."""
        return "lifestyle" if self.name in _LIFESTYLE else self.kind

    @property
    def label(self) -> str:
        """The theme's name as a person would write it."""
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class Vocabulary:
    """Themes and their circles by kind and name, lists by name, and the attributes of people."""

    themes: Mapping[str, Mapping[str, Theme]]
    circles: Mapping[str, Mapping[str, str]]
    lists: Mapping[str, Sequence[str]]
    people: Mapping[str, Any]


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The vocabulary that ships with the package."""
    character = _read("character.yaml")
    raw = {"interests": _read("interests.yaml"), "values": _read("values.yaml"), **character}
    themes = {kind: {name: _theme(kind, name, raw[kind][name]) for name in sorted(raw[kind])} for kind in KINDS}
    circles = {kind: {name: theme.circle for name, theme in themes[kind].items()} for kind in KINDS}
    return Vocabulary(themes, circles, _read("frame.yaml"), _read("people.yaml"))


def vary(rng: np.random.Generator, template: str) -> str:
    """`template` with each {a|b|c} replaced by one of its choices."""
    return _CHOICE.sub(lambda match: one(rng, match[1].split("|")), template)


def _theme(kind: str, name: str, entry: Mapping[str, Any]) -> Theme:
    return Theme(
        kind=kind,
        name=name,
        title=entry["title"],
        about=entry["about"],
        circle=entry.get("circle", name),
        subjects=tuple(entry.get("subjects", ())),
        sentences=tuple(entry["sentences"]),
    )


def _read(name: str) -> dict[str, Any]:
    text = resources.files("matchme_pipeline.population.texts").joinpath(name).read_text("utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded
