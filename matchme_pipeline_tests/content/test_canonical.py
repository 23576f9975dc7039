"""Canonical text: a fixed point that keeps a member's words, and a hash that sees through spacing alone."""

import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.content.canonical import canonical_text, content_hash
from matchme_pipeline.content.items import POST, RawItem, hash_items


@given(st.text(max_size=200))
def test_canonical_text_is_its_own_canonical_text(raw: str):
    once = canonical_text(raw)
    assert canonical_text(once) == once


@given(st.lists(st.text("abcäöسلام😍é!", min_size=1, max_size=8), min_size=1, max_size=8))
def test_spacing_does_not_change_the_hash_and_words_stay(words: list[str]):
    assert content_hash("  ".join(words) + "\r\n") == content_hash(" ".join(words))
    assert canonical_text(" ".join(words)).split() == canonical_text(" ".join(words)).split(" ")


@pytest.mark.parametrize("empty", [None, "", "   ", "\n\t\r\n", "\u200b\u200b"])
def test_nothing_to_read_has_no_hash(empty: str | None):
    assert content_hash(empty) is None


def test_composed_and_decomposed_letters_are_the_same_text():
    assert content_hash("cafe\u0301") == content_hash("caf\u00e9")


def test_case_and_punctuation_are_a_members_own():
    assert content_hash("Salaam!") != content_hash("salaam")


def test_joined_emoji_stay_joined():
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert canonical_text(family) == family


def test_the_earliest_item_is_the_original():
    def item(number: int, text: str) -> RawItem:
        return RawItem(POST, uuid.UUID(int=number), f"user_{number}", datetime(2026, 1, number, tzinfo=UTC), text)

    hashed = hash_items([item(3, "same  words"), item(1, "same words"), item(2, "other"), item(4, "")], {})
    by_id = {entry.raw.item_id.int: entry for entry in hashed}
    assert by_id[1].duplicate_of is None
    assert by_id[3].duplicate_of == uuid.UUID(int=1)
    assert by_id[2].duplicate_of is None
    assert (by_id[4].status, by_id[4].content_hash) == ("skipped", None)
