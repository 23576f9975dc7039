"""Starters that a person would send: whole sentences, nothing filled in, none twice in a member's week."""

import re
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from matchme_pipeline.llm.contracts import CallContext, PairToPreview, Preview, SharedInsight
from matchme_pipeline.llm.local.encoder import process_encoder
from matchme_pipeline.llm.local.previews import answer_previews, load_starters
from matchme_pipeline.llm.local.themes import load_themes
from matchme_pipeline.llm.resource import ModelsResource
from matchme_pipeline.llm.tasks.answer_parsing import CATEGORIES, is_shown, read_previews
from matchme_pipeline.llm.text.plain_text import plain

THEMES = load_themes().themes
# Titles as other models write them: no theme has them.
FREE_TITLES = ("A dreamer", "Having children one day", "Books, tea and rain", "Says what he thinks", "Ö")
MEMBERS, MATCHES_EACH = 130, 5


def insights_of(random: Random) -> list[dict[str, str]]:
    shown = [
        {"category": theme.category, "title": theme.title, "description": theme.description}
        for theme in random.sample(THEMES, random.randint(2, 5))
    ]
    if random.random() < 0.4:
        free = {"category": random.choice(CATEGORIES), "title": random.choice(FREE_TITLES), "description": "They do."}
        # Told apart by what they show, as a member with four insights is from another.
        shown.append(free | {"description": f"They do, {random.random():.6f}."})
    return shown


@pytest.fixture(scope="module")
def week() -> tuple[dict[str, Any], dict[str, Any]]:
    """A week of lists: every member in five pairs; the request, and its answer."""
    random = Random(5)
    members = [insights_of(random) for _ in range(MEMBERS)]
    assert len({str(member) for member in members}) == MEMBERS
    facts = ("Hiking", "reading poetry", "DIY")
    pairs = [
        {
            "id": f"p{one}-{other}",
            "a": {"insights": members[one]},
            "b": {"insights": members[other]},
            "common_ground": [random.choice(facts)] if random.random() < 0.3 else [],
        }
        for one in range(MEMBERS)
        for other in [(one + step) % MEMBERS for step in (1, 2)]
    ]
    pairs += [
        {"id": f"x{n}", "a": {"insights": members[n]}, "b": {"insights": members[n + 65]}, "common_ground": []}
        for n in range(65)
    ]
    request = {"pairs": pairs}
    return request, answer_previews(request, process_encoder())


def starters(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for preview in answer["previews"]:
        for level in ("level_1", "level_2"):
            for text in preview[level]:
                yield level, text


def test_more_than_a_thousand_starters_read_as_sentences(week: tuple[dict[str, Any], dict[str, Any]]):
    found = list(starters(week[1]))
    assert len(found) > 1_000
    for _, text in found:
        assert re.fullmatch(r"[A-Z].*\?", text), text
        assert 12 <= len(text) <= 120, text
        assert not re.search(r"[\"“”«»{}]|  |\.\.|\?\?| [,.?]", text), text
        assert not any(title in text for title in FREE_TITLES), text


def test_no_wording_comes_twice_in_a_members_week(week: tuple[dict[str, Any], dict[str, Any]]):
    request, answer = week
    read: dict[str, Counter[str]] = {}
    for pair, preview in zip(request["pairs"], answer["previews"], strict=True):
        for side in ("a", "b"):
            member = read.setdefault(str(pair[side]["insights"]), Counter())
            member.update(preview["level_1"] + preview["level_2"])
    assert len(read) == MEMBERS
    assert {count for member in read.values() for count in member.values()} == {1}
    assert {sum(member.values()) for member in read.values()} == {4 * MATCHES_EACH}


def test_most_starters_speak_of_what_the_two_have_shown(week: tuple[dict[str, Any], dict[str, Any]]):
    of_themes = {text for levels in load_starters()["themes"].values() for texts in levels.values() for text in texts}
    found = [text for _, text in starters(week[1])]
    assert sum(text in of_themes for text in found) > 0.6 * len(found)
    assert all(preview["insights_used"] for preview in week[1]["previews"])
    assert all(
        not isinstance(read, str)
        for read in read_previews(week[1]["previews"], {pair["id"] for pair in week[0]["pairs"]}).values()
    )


def test_the_same_request_gets_the_same_words(week: tuple[dict[str, Any], dict[str, Any]]):
    assert answer_previews(week[0], process_encoder()) == week[1]


def _every_wording() -> list[str]:
    written = load_starters()
    groups = [*written["themes"].values(), *written["categories"].values(), written["open"], written["common_ground"]]
    return [text for levels in groups for texts in levels.values() for text in texts]


def test_every_theme_and_category_has_its_own_sentences_and_none_is_written_twice():
    written = load_starters()
    assert set(written["themes"]) == {theme.name for theme in THEMES}
    assert set(written["categories"]) == set(CATEGORIES)
    groups = [*written["themes"].values(), *written["categories"].values(), written["open"], written["common_ground"]]
    assert all(levels["light"] and levels["deep"] for levels in groups)
    everything = [text.casefold() for text in _every_wording()]
    assert [text for text, count in Counter(everything).items() if count > 1] == []


def test_every_sentence_may_be_shown_as_it_is_written():
    """Answers pass a filter for contacts and claims; a sentence that it refuses would cost a pair its level."""
    for wording in _every_wording():
        said = wording.replace("{fact}", "hiking")
        assert plain(said) == said
        assert is_shown(said), said


@pytest.mark.parametrize(
    "hobby", ["", "call me +44 7700 900123", "www.example.com", "x" * 200, "a “quoted” thing", "{fact}"]
)
def test_a_hobby_that_cannot_be_said_costs_a_pair_nothing(hobby: str):
    pair = {"id": "p", "a": {"insights": []}, "b": {"insights": []}, "common_ground": [hobby]}
    answer = answer_previews({"pairs": [pair]}, process_encoder())["previews"]
    assert not isinstance(read_previews(answer, {"p"})["p"], str)


def test_a_title_without_a_theme_gets_a_sentence_that_suits_any_title():
    free = {"category": "family", "title": "Having children one day", "description": "They hope for it."}
    pair = {"id": "p", "a": {"insights": [free]}, "b": {"insights": []}, "common_ground": []}
    (preview,) = answer_previews({"pairs": [pair]}, process_encoder())["previews"]
    of_family = load_starters()["categories"]["family"]["deep"]
    assert preview["level_2"][0] in of_family
    assert preview["insights_used"] == ["a0"]


def test_members_whose_insights_differ_from_pair_to_pair_read_nothing_twice(app_database_url: str):
    """What a preview shows of a member depends on the other one, and many members show nothing yet."""
    random = Random(11)
    shown = [
        tuple(SharedInsight(f"i{n}", theme.category, theme.title, theme.description) for n, theme in enumerate(themes))
        for themes in (random.sample(THEMES, random.choice((0, 0, 4))) for _ in range(40))
    ]
    pairs = [
        PairToPreview(
            f"{one}-{other}",
            tuple(random.sample(shown[one], len(shown[one]) // 2)),
            tuple(random.sample(shown[other], len(shown[other]) // 2)),
            members=(f"m{one}", f"m{other}"),
        )
        for one in range(40)
        for other in [(one + step) % 40 for step in (1, 2)]
    ]
    read: dict[str, Counter[str]] = {}
    with ModelsResource(provider="local").session(app_database_url) as models:
        previews = list(models.preview(pairs, CallContext("chaichat_previews", None, "run")))
    by_id = {pair.pair_id: pair for pair in pairs}
    assert len(previews) == len(pairs)
    for preview in previews:
        assert isinstance(preview, Preview)
        for member in by_id[preview.pair_id].members or ():
            read.setdefault(member, Counter()).update([*preview.level_1, *preview.level_2])
    assert {count for member in read.values() for count in member.values()} == {1}
