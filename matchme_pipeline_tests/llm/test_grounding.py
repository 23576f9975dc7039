"""The grounding rule and the masks."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.llm.grounding import find_quote
from matchme_pipeline.llm.masking import contacts, mask, shows_contact

texts = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=200)


@given(texts, st.data())
def test_any_stretch_of_a_text_is_found_in_it(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    quote = text[start:end]
    found = find_quote(text, quote)
    assert (found is None) == (not quote.strip())
    if found is not None:
        assert found in text


@given(texts, texts)
def test_what_is_found_always_stands_word_for_word_in_the_text(text, quote):
    found = find_quote(text, quote)
    assert found is None or (found in text and found)


@given(texts)
def test_another_unicode_form_of_a_text_is_found_and_the_members_own_wording_kept(text):
    found = find_quote(text, unicodedata.normalize("NFC", text))
    assert found is None or found in text


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("I love  the\nsea in winter.", "love the sea", "love  the\nsea"),
        ("J'adore le cafe\u0301 du matin", "café du", "cafe\u0301 du"),
        ("أحب المشي عند الفجر", "المشي عند", "المشي عند"),
        ("I love hiking", "I love Hiking", None),
        ("I love hiking. I hate rain.", "I love rain", None),
        ("I love hiking", "", None),
        ("I love hiking", "   ", None),
        ("ﬁne weather", "fine weather", "ﬁne weather"),
    ],
)
def test_only_blanks_and_unicode_forms_may_differ(text, quote, found):
    assert find_quote(text, quote) == found


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Mail sara.k+x@mail.example.com now", "Mail [email] now"),
        ("sara (at) example (dot) com", "[email]"),
        ("See https://x.example/a?b=1 or www.example.org.", "See [link] or [link]"),
        ("on instagram.com/sara_h", "on [link]"),
        ("I am @sara.h there", "I am [handle] there"),
        ("Call +44 7700 900123 or (0161) 496-0123", "Call [phone] or [phone]"),
        ("اتصل بي ٠٥٠١٢٣٤٥٦٧", "اتصل بي [phone]"),
        (
            "Born 2001-02-03, in 1999 - 2004 I was 12 and ran 10 km",
            "Born 2001-02-03, in 1999 - 2004 I was 12 and ran 10 km",
        ),
        ("5:30 Fajr, 3 sets of 12, 1,000 steps", "5:30 Fajr, 3 sets of 12, 1,000 steps"),
    ],
)
def test_contacts_are_masked_and_ordinary_numbers_are_not(text, masked):
    assert mask(text) == masked


@given(st.text(alphabet="ab1 @.+-(/:dotw\u0660", max_size=80))
def test_masking_leaves_no_contact_and_masking_again_changes_nothing(text):
    once = mask(text)
    assert not contacts(once)
    assert mask(once) == once
    assert mask(text) == text or shows_contact(once)


def test_masking_a_very_long_text_is_quick():
    for text in ("a" * 200_000, "a-" * 100_000, "1 " * 100_000, "@" * 200_000, "a." * 100_000):
        mask(text)
