"""Conversation starters without a language model: prepared sentences for approved insights of two members."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

from matchme_pipeline.llm.cache_keys import hash_of
from matchme_pipeline.llm.local.encoder import SentenceEncoder
from matchme_pipeline.llm.local.themes import Theme, load_themes
from matchme_pipeline.llm.tasks.answer_parsing import is_shown
from matchme_pipeline.llm.text.plain_text import plain

# Titles with at least this similarity are about the same topic ("Loves hiking", "Enjoys long walks": 0.5; unrelated
# ones: below 0.3).
ALIKE = 0.55
STARTERS_A_LEVEL = 2
# A longer hobby is a sentence and does not fit into one of the templates.
MAX_FACT_CHARACTERS = 40
# The name of each level in starters.yaml, and the categories that suit it, best first.
LEVELS = {
    "level_1": ("light", ("interests", "lifestyle", "personality", "values", "family")),
    "level_2": ("deep", ("values", "family", "personality", "lifestyle", "interests")),
}

Json = dict[str, Any]


@dataclass(frozen=True)
class _Side:
    """One insight of one side; `reference` names it in the request ("a0", "b2")."""

    reference: str
    category: str
    title: str
    theme: Theme | None


@dataclass(frozen=True)
class _Starter:
    text: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class _Offer:
    """Wordings that suit one occasion, and the insights that they build on."""

    wordings: Sequence[str]
    references: tuple[str, ...]


@lru_cache(maxsize=1)
def load_starters() -> Json:
    """The templates of starters.yaml: by theme, by category, for common ground, and open ones."""
    text = resources.files("matchme_pipeline.llm.local").joinpath("starters.yaml").read_text("utf-8")
    wordings: Json = yaml.safe_load(text)
    return wordings


def wording_version() -> str:
    """Changes with every wording and every theme."""
    return hash_of([load_starters(), load_themes().version])[:12]


def answer_previews(
    request: Json, encoder: SentenceEncoder, readers: Mapping[str, Sequence[str]] | None = None
) -> Json:
    """The answer to `{"pairs": [..]}`: `{"previews": [{"pair_id", "level_1", "level_2", "insights_used"}]}`.

    `insights_used` refers to the request's insights by side and position ("a0"). The same request always gets the same
    text, and no member reads a template twice in it. `readers` names the two members of each pair by its id. Without
    it, members are identified by what they show; a member who shows nothing may read a template twice.
    """
    titles = sorted({i["title"] for pair in request["pairs"] for side in ("a", "b") for i in pair[side]["insights"]})
    vectors = dict(zip(titles, encoder.unit_vectors(titles), strict=True))
    read: dict[str, set[str]] = {}
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
        seen = {"a": pair["a"], "b": pair["b"], "common_ground": pair["common_ground"]}
        picker = _Picker(
            seen, [read.setdefault(name, set()) for name in (readers or {}).get(pair["id"]) or _readers(pair)]
        )
        levels = {
            level: picker.compose(name, _offers(name, favoured, shared, a, b, pair["common_ground"]))
            for level, (name, favoured) in LEVELS.items()
        }
        used = sorted({r for starters in levels.values() for starter in starters for r in starter.references})
        texts = {level: [starter.text for starter in starters] for level, starters in levels.items()}
        previews.append({"pair_id": pair["id"], **texts, "insights_used": used})
    return {"previews": previews}


def _readers(pair: Json) -> list[str]:
    """Identifiers of the two members, derived from what they show; a member who shows nothing has none."""
    return [hash_of(pair[side]["insights"]) for side in ("a", "b") if pair[side]["insights"]]


class _Picker:
    """Picks wordings for one pair: deterministic, and none that one of the two has read."""

    def __init__(self, seen: Json, read: Sequence[set[str]]) -> None:
        self._seed = json.dumps(seen, sort_keys=True, ensure_ascii=False)
        self._read = read
        self._used: set[str] = set()

    def compose(self, level: str, offers: Sequence[_Offer]) -> list[_Starter]:
        """Starters of one level: the first offers with new content, then open ones."""
        starters: list[_Starter] = []
        for offer in [*offers, *[_Offer(load_starters()["open"][level], ())] * STARTERS_A_LEVEL]:
            if len(starters) == STARTERS_A_LEVEL:
                break
            if (wording := self._new(offer.wordings, level)) is not None:
                starters.append(_Starter(wording, offer.references))
        while len(starters) < STARTERS_A_LEVEL:
            unused = [one for one in load_starters()["open"][level] if one not in self._used]
            starters.append(_Starter(self._pick(unused, level), ()))
        return starters

    def _new(self, wordings: Sequence[str], level: str) -> str | None:
        fresh = [one for one in wordings if one not in self._used and not any(one in read for read in self._read)]
        return self._pick(fresh, level) if fresh else None

    def _pick(self, wordings: Sequence[str], level: str) -> str:
        digest = hashlib.sha256(f"{self._seed}|{level}|{len(self._used)}".encode()).digest()
        wording = wordings[int.from_bytes(digest[:4], "big") % len(wordings)]
        self._used.add(wording)
        for read in self._read:
            read.add(wording)
        return wording


def _offers(
    level: str,
    favoured: Sequence[str],
    shared: Sequence[tuple[float, _Side, _Side]],
    a: Sequence[_Side],
    b: Sequence[_Side],
    common_ground: Sequence[str],
) -> list[_Offer]:
    """Possible starters, best first: on common insights, on each side in turn, on common attributes, on categories."""
    both = [(one, other) for _, one, other in shared if one.category in favoured]
    by_turns = [side for pair in zip(_ranked(a, favoured), _ranked(b, favoured), strict=False) for side in pair]
    sides = [*by_turns, *_ranked(a, favoured), *_ranked(b, favoured)]
    offers = [
        _Offer(_of_theme(one.theme or other.theme, level), (one.reference, other.reference)) for one, other in both
    ]
    offers += [_Offer(_of_theme(side.theme, level), (side.reference,)) for side in sides]
    offers += [_Offer(_of_category(one.category, level), (one.reference, other.reference)) for one, other in both]
    offers += [_Offer(_of_fact(fact, level), ()) for fact in common_ground if len(fact) <= MAX_FACT_CHARACTERS]
    offers += [_Offer(_of_category(side.category, level), (side.reference,)) for side in sides]
    return offers


def _of_theme(theme: Theme | None, level: str) -> list[str]:
    return list(load_starters()["themes"][theme.name][level]) if theme is not None else []


def _of_category(category: str, level: str) -> list[str]:
    return list(load_starters()["categories"].get(category, {}).get(level, []))


def _of_fact(fact: str, level: str) -> list[str]:
    """A hobby is free text of a member, so it is used only if it may be shown."""
    inside = fact[:1].lower() + fact[1:] if fact[1:].islower() else fact
    said = [wording.replace("{fact}", inside) for wording in load_starters()["common_ground"][level]]
    return [wording for wording in said if wording == plain(wording) and is_shown(wording)]


def _side(name: str, insights: Sequence[Json]) -> list[_Side]:
    """The side's insights; an insight of another model, without a known theme, is represented by its category."""
    themes = load_themes().by_title
    return [
        _Side(f"{name}{i}", insight["category"], insight["title"], themes.get(insight["title"].casefold()))
        for i, insight in enumerate(insights)
    ]


def _alike(one: _Side, other: _Side, cosine: float) -> bool:
    return one.title.casefold() == other.title.casefold() or (one.category == other.category and cosine >= ALIKE)


def _ranked(side: Sequence[_Side], favoured: Sequence[str]) -> list[_Side]:
    return [one for category in favoured for one in side if one.category == category]
