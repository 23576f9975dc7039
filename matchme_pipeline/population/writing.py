"""How seeded members write: sentences composed from themes, and the oddities that real posts have."""

from dataclasses import dataclass

import numpy as np

from matchme_pipeline.population.latent import Latent
from matchme_pipeline.population.random_draws import happens, one, weighted, whole
from matchme_pipeline.population.vocabulary import Theme, vary, vocabulary

# Topics of posts: mostly interests, often values, sometimes personality.
_KIND_WEIGHTS = {"interests": 0.5, "values": 0.27, "personality": 0.13, "family": 0.1}
_SENTENCES_WEIGHTS = {1: 0.3, 2: 0.32, 3: 0.2, 4: 0.1, 5: 0.05, 6: 0.03}
_OPENING_SHARE = 0.45
_CLOSING_SHARE = 0.4
_SMALL_TALK_SHARE = 0.06
# Sentences that name their topic, in contrast to sentences that only show it.
_PLAIN_SHARE = 0.4
_ODDITIES = {
    "empty": 0.14,
    "other_language": 0.22,
    "contact": 0.16,
    "injection": 0.04,
    "emoji": 0.14,
    "very_long": 0.02,
    "untidy": 0.12,
    "shouted": 0.06,
    "small_talk": 0.10,
}
VERY_LONG_CHARACTERS = 5_000


@dataclass(frozen=True)
class Sentence:
    """One sentence and the theme it speaks of."""

    theme: Theme
    text: str


def caption(rng: np.random.Generator, latent: Latent, count: int | None = None) -> tuple[str, list[Sentence]]:
    """A post of one to six sentences with its own opening and closing, and its sources."""
    sentences = distinct_sentences(rng, latent, count or weighted(rng, _SENTENCES_WEIGHTS))
    lists = vocabulary().lists
    opening = vary(rng, one(rng, lists["openings"])) if happens(rng, _OPENING_SHARE) else ""
    closing = vary(rng, one(rng, lists["closings"])) if happens(rng, _CLOSING_SHARE) else ""
    aside = vary(rng, one(rng, lists["small_talk"])) if happens(rng, _SMALL_TALK_SHARE) else ""
    return " ".join(part for part in (opening, *(s.text for s in sentences), aside, closing) if part), sentences


def distinct_sentences(rng: np.random.Generator, latent: Latent, count: int) -> list[Sentence]:
    """Up to `count` distinct sentences."""
    return list({s.text: s for s in (sentence(rng, latent) for _ in range(count))}.values())


def sentence(rng: np.random.Generator, latent: Latent) -> Sentence:
    """One sentence on a theme of the member: an interest, a value, their temper or their family."""
    kind = weighted(rng, _KIND_WEIGHTS)
    theme = vocabulary().themes[kind][weighted(rng, getattr(latent, kind))]
    if theme.subjects and happens(rng, _PLAIN_SHARE):
        plain = vary(rng, one(rng, vocabulary().lists[f"plain_{kind}"]))
        return Sentence(theme, plain.replace("{subject}", one(rng, theme.subjects)))
    return Sentence(theme, vary(rng, one(rng, theme.sentences)))


def odd_caption(rng: np.random.Generator, latent: Latent) -> str | None:
    """An unusual post: empty, in another language, with a contact, very long, or addressed to a model."""
    lists = vocabulary().lists
    kind = weighted(rng, _ODDITIES)
    if kind == "empty":
        return one(rng, [None, "", "   \n\t "])
    if kind == "other_language":
        return one(rng, lists["other_languages"])
    if kind in ("emoji", "small_talk"):
        return vary(rng, one(rng, lists[kind]))
    if kind == "very_long":
        return _very_long(rng, latent)
    plain = caption(rng, latent)[0]
    if kind == "contact":
        return f"{plain} {vary(rng, one(rng, lists['contacts']))}"
    if kind == "injection":
        return f"{plain} {one(rng, lists['injections'])}"
    if kind == "untidy":
        return f"  {plain.replace('. ', '.' + ' ' * whole(rng, 2, 4))}\r\n\n"
    return plain.upper()


def _very_long(rng: np.random.Generator, latent: Latent) -> str:
    paragraphs: list[str] = []
    while sum(map(len, paragraphs)) <= VERY_LONG_CHARACTERS:
        paragraphs.append(caption(rng, latent, 6)[0])
    return "\n\n".join(paragraphs)
