"""How seeded members write: sentences composed from themes, and the oddities that real posts have."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TypeVar

import numpy as np
import yaml

from matchme_pipeline.population.latent import Latent

T = TypeVar("T")

_CHOICE = re.compile(r"\{([^{}]*)\}")
KINDS = ("interests", "values", "personality", "family")
CATEGORY_OF_KIND = {"interests": "interests", "values": "values", "personality": "personality", "family": "family"}
_LIFESTYLE = {"fitness", "cooking", "coffee", "gardening", "simplicity"}


@dataclass(frozen=True)
class Texts:
    """The vocabulary: sentences by kind and theme, and the lists beside them."""

    themes: Mapping[str, Mapping[str, list[str]]]
    lists: Mapping[str, list[str]]

    @property
    def names(self) -> dict[str, list[str]]:
        """Theme names by kind."""
        return {kind: sorted(self.themes[kind]) for kind in KINDS}


@dataclass(frozen=True)
class Sentence:
    """One sentence and the theme it speaks of."""

    kind: str
    theme: str
    text: str

    @property
    def category(self) -> str:
        """The insight category that the sentence supports."""
        return "lifestyle" if self.theme in _LIFESTYLE else CATEGORY_OF_KIND[self.kind]


@lru_cache(maxsize=1)
def texts() -> Texts:
    """The vocabulary that ships with the package."""
    raw = yaml.safe_load(
        resources.files("matchme_pipeline.population.texts").joinpath("themes.yaml").read_text("utf-8")
    )
    return Texts({kind: raw[kind] for kind in KINDS}, {name: raw[name] for name in raw if name not in KINDS})


def sentence(rng: np.random.Generator, latent: Latent) -> Sentence:
    """One sentence on something that moves the member: an interest, a value, their temper or their family."""
    kind = str(rng.choice(KINDS, p=[0.5, 0.3, 0.1, 0.1]))
    if kind == "interests":
        theme = _pick_weighted(rng, latent.interests)
    elif kind == "values":
        theme = _pick_weighted(rng, latent.values)
    else:
        theme = latent.personality if kind == "personality" else latent.family
    return Sentence(kind, theme, vary(rng, _pick(rng, texts().themes[kind][theme])))


def caption(rng: np.random.Generator, latent: Latent) -> tuple[str, list[Sentence]]:
    """A post of one to four sentences with an opening and a closing of its own, and what it is made of."""
    sentences = [sentence(rng, latent) for _ in range(1 + int(rng.binomial(3, 0.4)))]
    sentences = list({s.text: s for s in sentences}.values())
    parts = [_pick(rng, texts().lists["openings"]), *(s.text for s in sentences), _pick(rng, texts().lists["closings"])]
    return " ".join(part for part in parts if part), sentences


def odd_caption(rng: np.random.Generator, latent: Latent) -> str | None:
    """A post as life has them too: empty, in another language, with a contact, very long, or talking to a machine."""
    plain = caption(rng, latent)[0]
    lists = texts().lists
    kind = int(rng.integers(9))
    if kind == 0:
        return _pick(rng, [None, "", "   \n\t "])
    if kind in (1, 2):
        return _pick(rng, lists["other_languages"])
    if kind == 3:
        return f"{plain} {vary(rng, _pick(rng, lists['contacts']))}"
    if kind == 4:
        return f"{plain} {_pick(rng, lists['injections'])}"
    if kind == 5:
        return vary(rng, _pick(rng, lists["emoji"]))
    if kind == 6:
        return "\n\n".join(caption(rng, latent)[0] for _ in range(40)) if rng.random() < 0.1 else f"  {plain}\r\n"
    if kind == 7:
        return plain.upper()
    return f"{plain} 😊"


def vary(rng: np.random.Generator, template: str) -> str:
    """`template` with each {a|b|c} replaced by one of its choices."""
    return _CHOICE.sub(lambda match: _pick(rng, match[1].split("|")), template)


def _pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    return choices[int(rng.integers(len(choices)))]


def _pick_weighted(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    names = list(weights)
    p = np.array([weights[name] for name in names])
    return names[int(rng.choice(len(names), p=p / p.sum()))]
