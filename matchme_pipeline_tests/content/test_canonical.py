"""Canonical text: a fixed point that keeps a member's words, and a hash that sees through spacing alone."""

import unicodedata
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchme_pipeline.content.canonical import canonical_text, content_hash, locate_quote
from matchme_pipeline.content.items import POST, RawItem, hash_items


@given(st.text(max_size=200))
def test_canonical_text_is_its_own_canonical_text(raw: str):
    once = canonical_text(raw)
    assert canonical_text(once) == once


@given(st.lists(st.text("abcäöسلام😍é!", min_size=1, max_size=8), min_size=1, max_size=8))
def test_spacing_does_not_change_the_hash_and_words_stay(words: list[str]):
    assert content_hash("  ".join(words) + "\r\n") == content_hash(" ".join(words))
    assert canonical_text(" ".join(words)).split() == canonical_text(" ".join(words)).split(" ")


@pytest.mark.parametrize("empty", [None, "", "   ", "\n\t\r\n", "\u200b\u200b", "\u200d", "\u0007"])
def test_nothing_to_read_has_no_hash(empty: str | None):
    assert content_hash(empty) is None


def test_composed_and_decomposed_letters_are_the_same_text():
    assert content_hash("cafe\u0301") == content_hash("caf\u00e9")


def test_case_and_punctuation_are_a_members_own():
    assert content_hash("Salaam!") != content_hash("salaam")


def test_joined_emoji_stay_joined():
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert canonical_text(family) == family


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("won\u00adderful", "wonderful"),
        ("\u200fسلام\u200e!", "سلام!"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\U0001fae8 new emoji", "\U0001fae8 new emoji"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4\U000e0067\U000e0062\U000e007f"),
        ("tab\there\u0007and there", "tab here and there"),
    ],
)
def test_words_stay_whole_and_as_they_were_written(raw: str, canonical: str):
    assert canonical_text(raw) == canonical


MIXED = st.text("ab é\u0301\u0323\u1112\u1161\u11ab\u00ad\u200f\u200d\r\n\t\u00a0س😍", max_size=40)


# Plain English, with and without what keeps a text from being its own letters.
ENGLISH = st.text("ab, .\n", max_size=40)


@settings(max_examples=500)
@given(MIXED | ENGLISH | st.text(max_size=40), st.data())
def test_a_quote_from_canonical_text_is_found_in_what_the_member_wrote(raw: str, data: st.DataObject):
    text = canonical_text(raw)
    start = data.draw(st.integers(0, len(text)))
    quote = text[start : data.draw(st.integers(start, len(text)))].strip()
    rest = text[text.find(quote) + len(quote) :] if quote else ""
    if not quote or unicodedata.combining(quote[0]) or unicodedata.combining(rest[:1] or "."):
        return
    span = locate_quote(raw, quote)
    assert span is not None
    # The first place with these words: spacing does not count.
    assert canonical_text(raw[span[0] : span[1]]).split() == canonical_text(quote).split()


def test_a_quote_is_given_back_in_the_members_spelling():
    raw = "I  love\r\nhiking, cafe\u0301s and won\u00adders."
    for quote, own in [("love\nhiking", "love\r\nhiking"), ("cafés", "cafe\u0301s"), ("wonders", "won\u00adders")]:
        start, end = locate_quote(raw, quote) or (0, 0)
        assert raw[start:end] == own
    assert locate_quote("\ud55c \ud558", "\ud558") == (2, 3)
    assert locate_quote(raw, "Love") is None
    assert locate_quote(raw, "cafe") is None
    assert locate_quote(raw, " ") is None


def test_the_earliest_item_is_the_original():
    def item(number: int, text: str) -> RawItem:
        return RawItem(POST, uuid.UUID(int=number), f"user_{number}", datetime(2026, 1, number, tzinfo=UTC), text)

    hashed = hash_items([item(3, "same  words"), item(1, "same words"), item(2, "other"), item(4, "")], {})
    by_id = {entry.raw.item_id.int: entry for entry in hashed}
    assert by_id[1].duplicate_of is None
    assert by_id[3].duplicate_of == uuid.UUID(int=1)
    assert by_id[2].duplicate_of is None
    assert (by_id[4].status, by_id[4].content_hash) == ("skipped", None)
