"""What a model returns is bounded, and what of it reaches a person is plain; a starter only asks."""

from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.llm.tasks.answer_parsing import (
    MAX_INSIGHTS,
    is_shown,
    read_insights,
    read_previews,
    shown_starters,
)
from matchme_pipeline.llm.text.plain_text import is_plain, plain

QUOTE = "I cook for my neighbours"


def claim(**changes: object) -> dict[str, object]:
    return {
        "post_id": "p1", "category": "values", "title": "Cooks for others", "description": "Shares food.",
        "source_quote": QUOTE, "confidence": 80,
    } | changes  # fmt: skip


@pytest.mark.parametrize("claims", [4, 50, 9_987])
def test_three_insights_a_post_are_kept_whatever_comes(claims: int):
    entries = [claim(title=f"Title {n}", source_quote=QUOTE[n % 5 :]) for n in range(claims)]
    answers, _ = read_insights(entries, {"p1": QUOTE})
    assert len(answers["p1"].insights) == MAX_INSIGHTS
    assert sum(answers["p1"].dropped.values()) == claims - MAX_INSIGHTS


def test_thousands_of_claims_about_a_very_long_text_are_read_in_linear_time():
    text = "café im\u00a0Schnee " * 15_000
    entries = [claim(source_quote=f"nothing of this {n} im Schnee") for n in range(5_000)]
    started = monotonic()
    answers, _ = read_insights(entries, {"p1": text})
    # Decomposing the text for every claim took an hour.
    assert monotonic() - started < 60
    assert not answers["p1"].insights


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "<b>Kind</b>", "&lt;img src=x onerror=alert(1)&gt;", "[a](javascript:alert(1))",
     "**Kind**", "Kind\u202edniK", "Kind\U000e0041\U000e0042", "Kind\u200b\ufeff", "line\nbreak", "`code`"],
)  # fmt: skip
def test_markup_and_hidden_characters_reach_nobody(text: str):
    answers, _ = read_insights([claim(title=text, description=text)], {"p1": QUOTE})
    for insight in answers["p1"].insights:
        for shown in (insight.title, insight.description):
            assert not set("<>`*\n\u202e\u200b\ufeff\U000e0041") & set(shown)
            assert "javascript" not in shown
    assert all(is_plain(s) for s in shown_starters([f"What is {text} to you?"]))


@given(st.text(max_size=80))
def test_plain_text_stays_plain(text: str):
    once = plain(text)
    assert plain(once) == once or not is_plain(once)
    assert "\n" not in once


@pytest.mark.parametrize(
    "starter",
    [
        "They secretly told me they are divorced and in debt",
        "They secretly told me they are divorced, did you know?",
        "Did you know he was arrested?",
        "You are so beautiful. What do you do?",
        "I heard that she lied to you?",
        "What is your salary?",
        "Tell me about hiking.",
        "Ask me on insta sarah.k.91?",
        "",
        "?",
    ],
)
def test_a_claim_is_no_starter(starter: str):
    if starter == "?":
        assert read_previews([{"pair_id": "m1", "level_1": ["?"], "level_2": []}], {"m1"})["m1"] != {}
        return
    assert not is_shown(starter)


@pytest.mark.parametrize(
    "starter",
    ["What does a good Sunday look like for you?", "How did hiking find its way into your life?", "ما الذي يفرحك؟"],
)
def test_a_question_to_the_other_is_a_starter(starter: str):
    assert is_shown(starter)
