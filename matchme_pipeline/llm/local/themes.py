"""The themes that the offline model recognises, and their vectors."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources

import numpy as np
import yaml
from numpy.typing import NDArray

from matchme_pipeline.llm.cache_keys import hash_of
from matchme_pipeline.llm.local.encoder import SentenceEncoder
from matchme_pipeline.llm.tasks.answer_parsing import CATEGORIES


@dataclass(frozen=True)
class Theme:
    """One thing a sentence can show about its author."""

    name: str
    category: str
    title: str
    description: str
    topic: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Themes:
    """All themes, the meaningless sentences, and a version that changes with either."""

    themes: tuple[Theme, ...]
    says_nothing: tuple[str, ...]
    version: str

    @cached_property
    def by_title(self) -> dict[str, Theme]:
        """Themes by their title in lower case."""
        return {theme.title.casefold(): theme for theme in self.themes}


@lru_cache(maxsize=1)
def load_themes() -> Themes:
    """The themes of themes.yaml."""
    raw = yaml.safe_load(resources.files("matchme_pipeline.llm.local").joinpath("themes.yaml").read_text("utf-8"))
    themes = tuple(
        Theme(name, category, t["title"], t["description"], t["topic"], tuple(t["sentences"]))
        for category in CATEGORIES
        for name, t in raw[category].items()
    )
    return Themes(themes, tuple(raw["says_nothing"]), hash_of(raw)[:12])


def theme_similarities(
    vectors: NDArray[np.float32], themes: Themes, encoder: SentenceEncoder
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The similarity of sentences to every theme, shape (n, themes), and to meaningless sentences, (n,).

    `vectors` are the sentences' unit vectors, shape (n, 512).

    The similarity to a theme is the mean of the cosine with its nearest sentence and with its centre, so that neither
    one chance match nor the centre alone decides.
    """
    flat = [sentence for theme in themes.themes for sentence in theme.sentences]
    # In double precision the order of a sum does not affect the digits used.
    sentences = vectors.astype(np.float64)
    described = encoder.unit_vectors(flat).astype(np.float64)
    starts = np.cumsum([0, *(len(theme.sentences) for theme in themes.themes[:-1])])
    nearest = np.maximum.reduceat(sentences @ described.T, starts, axis=1)
    centres = np.add.reduceat(described, starts, axis=0)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    meaningless = encoder.unit_vectors(list(themes.says_nothing))
    closeness = ((nearest + sentences @ centres.T) / 2).astype(np.float32)
    return closeness, (sentences @ meaningless.T).max(axis=1).astype(np.float32)
