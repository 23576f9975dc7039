"""Conversation starters without a language model: composed from what two members have confirmed about themselves."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

from matchme_pipeline.llm.cache_keys import hash_of
from matchme_pipeline.llm.local.encoder import SentenceEncoder
from matchme_pipeline.llm.local.themes import load_themes

# Titles at least this alike speak of one thing ("Loves hiking", "Enjoys long walks": 0.5; unrelated ones: below 0.3).
ALIKE = 0.55
STARTERS_A_LEVEL = 2
LIGHT = ("interests", "lifestyle", "personality")
DEEP = ("values", "family", "personality")

Json = dict[str, Any]


@dataclass(frozen=True)
class _Side:
    """One insight of one side; `reference` names it in the request ("a0", "b2")."""

    reference: str
    category: str
    title: str
    topic: str


@dataclass(frozen=True)
class _Starter:
    text: str
    references: tuple[str, ...]


@lru_cache(maxsize=1)
def load_starters() -> dict[str, dict[str, list[str]]]:
    """The wordings of starters.yaml by occasion and level."""
    text = resources.files("matchme_pipeline.llm.local").joinpath("starters.yaml").read_text("utf-8")
    wordings: dict[str, dict[str, list[str]]] = yaml.safe_load(text)
    return wordings


def wording_version() -> str:
    """Changes with every wording and with every theme's topic."""
    return hash_of([load_starters(), load_themes().version])[:12]


def answer_previews(request: Json, encoder: SentenceEncoder) -> Json:
    """The answer to `{"pairs": [..]}`: `{"previews": [{"pair_id", "level_1", "level_2", "insights_used"}]}`.

    `insights_used` refers to the request's insights by side and position ("a0"). The same pair always gets the same
    words: they are picked by a hash of what the two show.
    """
    titles = sorted({i["title"] for pair in request["pairs"] for side in ("a", "b") for i in pair[side]["insights"]})
    vectors = dict(zip(titles, encoder.unit_vectors(titles), strict=True))
    previews = []
    for pair in request["pairs"]:
        a, b = (_side(name, pair[name]["insights"]) for name in ("a", "b"))
        shared = sorted(
            (
                (float(vectors[one.title] @ vectors[other.title]), one, other)
                for one in a
                for other in b
                if _alike(one, other, float(vectors[one.title] @ vectors[other.title]))
            ),
            key=lambda match: (-match[0], match[1].reference, match[2].reference),
        )
        picker = _Picker({"a": pair["a"], "b": pair["b"], "common_ground": pair["common_ground"]})
        levels = {
            level: picker.compose(level, favoured, shared, a, b, pair["common_ground"])
            for level, favoured in (("level_1", LIGHT), ("level_2", DEEP))
        }
        used = sorted({r for starters in levels.values() for starter in starters for r in starter.references})
        texts = {level: [starter.text for starter in starters] for level, starters in levels.items()}
        previews.append({"pair_id": pair["id"], **texts, "insights_used": used})
    return {"previews": previews}


class _Picker:
    """Picks wordings for one pair, the same ones every time, none twice."""

    def __init__(self, seen: Json) -> None:
        self._seed = json.dumps(seen, sort_keys=True, ensure_ascii=False)
        self._spoken: set[str] = set()

    def compose(
        self,
        level: str,
        favoured: Sequence[str],
        shared: Sequence[tuple[float, _Side, _Side]],
        a: Sequence[_Side],
        b: Sequence[_Side],
        common_ground: Sequence[str],
    ) -> list[_Starter]:
        """Starters of one level: from what is shared, then a difference, then one side, common ground, or openly."""
        own = [(one, other) for _, one, other in shared if one.category in favoured]
        first_a, first_b = _first(a, favoured), _first(b, favoured)
        offers: list[_Starter] = [
            self._say("shared", level, (one.reference, other.reference), topic=one.topic) for one, other in own
        ]
        if first_a and first_b and first_a.topic != first_b.topic:
            references = (first_a.reference, first_b.reference)
            offers.append(self._say("difference", level, references, one=first_a.topic, other=first_b.topic))
        elif (alone := first_a or first_b) is not None and not own:
            offers.append(self._say("one_side", level, (alone.reference,), topic=alone.topic))
        if len(offers) < STARTERS_A_LEVEL and common_ground:
            offers.append(self._say("common_ground", level, (), fact=common_ground[0]))
        while len(offers) < STARTERS_A_LEVEL:
            offers.append(self._say("open", level, ()))
        return offers[:STARTERS_A_LEVEL]

    def _say(self, occasion: str, level: str, references: tuple[str, ...], **words: str) -> _Starter:
        wordings = [w for w in load_starters()[occasion][level] if w not in self._spoken]
        wordings = wordings or load_starters()[occasion][level]
        digest = hashlib.sha256(f"{self._seed}|{occasion}|{level}|{words}|{len(self._spoken)}".encode()).digest()
        wording = wordings[int.from_bytes(digest[:4], "big") % len(wordings)]
        self._spoken.add(wording)
        capitals = {name.capitalize(): word[:1].upper() + word[1:] for name, word in words.items()}
        return _Starter(wording.format(**words, **capitals), references)


def _side(name: str, insights: Sequence[Json]) -> list[_Side]:
    topics = {title: theme.topic for title, theme in load_themes().by_title().items()}
    return [
        _Side(
            f"{name}{i}",
            insight["category"],
            insight["title"],
            topics.get(insight["title"].casefold(), _plain(insight)),
        )
        for i, insight in enumerate(insights)
    ]


def _plain(insight: Json) -> str:
    """An insight of another model names itself by its title."""
    title = str(insight["title"]).strip().rstrip(".")
    return f"“{title[:1].lower()}{title[1:]}”"


def _alike(one: _Side, other: _Side, cosine: float) -> bool:
    return one.title.casefold() == other.title.casefold() or (one.category == other.category and cosine >= ALIKE)


def _first(side: Sequence[_Side], favoured: Sequence[str]) -> _Side | None:
    ranked = [s for category in favoured for s in side if s.category == category]
    return ranked[0] if ranked else None
