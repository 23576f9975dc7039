"""The grounding rule and the masks."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.llm.text.contact_masking import contacts, mask, shows_contact
from matchme_pipeline.llm.text.quote_grounding import QuotableText

texts = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=200)


@given(texts, st.data())
def test_any_stretch_of_a_text_is_found_in_it(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    quote = text[start:end]
    found = QuotableText(text).find(quote)
    assert (found is None) == (not quote.strip())
    if found is not None:
        assert found in text


@given(texts, texts)
def test_what_is_found_always_stands_word_for_word_in_the_text(text, quote):
    found = QuotableText(text).find(quote)
    assert found is None or (found in text and found)


@given(texts)
def test_another_unicode_form_of_a_text_is_found_and_the_members_own_wording_kept(text):
    found = QuotableText(text).find(unicodedata.normalize("NFC", text))
    assert found is None or found in text


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("I love  the\nsea in winter.", "love the sea", "love  the\nsea"),
        ("J'adore le cafe\u0301 du matin", "café du", "cafe\u0301 du"),
        ("أحب المشي عند الفجر", "المشي عند", "المشي عند"),
        ("I love hiking", "I love Hiking", None),
        ("I love hiking. I hate rain.", "I love rain", None),
        ("I love hiking", "Ilove hiking", None),
        ("I love hiking", "I lovehiking", None),
        ("I love hiking", "", None),
        ("I love hiking", "   ", None),
        ("ﬁne weather", "fine weather", "ﬁne weather"),
        # A mark that belongs to no letter begins the text; characters that are several words in NFKC.
        ("\u0301a  b \ufdfa and peace", "b صلى الله عليه وسلم and peace", "b \ufdfa and peace"),
        ("a\u00a0\u00b4  b", "a \u0301 b", "a\u00a0\u00b4  b"),
    ],
)
def test_only_blanks_and_unicode_forms_may_differ(text, quote, found):
    assert QuotableText(text).find(quote) == found


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
        ("sara at gmail dot com", "[email]"),
        ("Sara AT Example DOT org", "[email]"),
        ("sara[at]example[dot]co.uk", "[email]"),
        ("sara @ gmail.com or sara.k at yahoo", "[email] or [email]"),
        ("sara\uff20example\uff0ecom", "[email]"),
        ("insta: sara_h, my IG is sara_99, snapchat sara99x", "insta: [handle], my IG is [handle], snapchat [handle]"),
        ("youtu.be/dQw4w9WgXcQ and linktr.ee/sara and discord.gg/x", "[link] and [link] and [link]"),
        ("call07700900123now or WhatsApp+447700900123", "call[phone]now or WhatsApp[phone]"),
        ("۰۳۰۰ ۱۲۳ ۴۵۶۷, +966٥٠١٢٣٤٥٦٧", "[phone], [phone]"),
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


@pytest.mark.parametrize(
    "text",
    [
        "Fajr 05.30-06.45, Dhuhr 13.15 16.45 19.20",
        "Quran 2:255-257, 94:5-6 and Surah 2.255-257",
        "٢:٢٥٥ آية الكرسي، صلاة الفجر ٥:٣٠ والظهر ١٢:١٥",
        "2019 2020 2021 were hard, 2019/2020/2021 too",
        "1445/09/01 1446/09/01, Hijri 1445-1446",
        "12.05.1990 - 14.06.1995, Ramadan 2024-03-11 2024-04-09",
        "I count 5 6 7 8 9 10 11 and read verses 255 256 257",
        "I came home.It was great; we met at noon. Dot by dot",
        "My insta is fun, Telegram is great, I studied at Yahoo for a year",
        "24/7, 50/50, and/or, he/she, e.g./i.e.",
    ],
)
def test_years_prayer_times_and_places_in_the_quran_stay(text):
    assert mask(text) == text


DIGITS = ("0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹")


@given(
    st.sampled_from(["+", "00", "0", "+("]),
    st.lists(st.text("0123456789", min_size=2, max_size=4), min_size=3, max_size=4),
    st.sampled_from(["", " ", "-", ".", " - ", ") ", "\u2013"]),
    st.sampled_from(DIGITS),
    st.sampled_from(["", "call me on ", "اتصل بي ", "tel:"]),
)
def test_a_number_behind_a_dialling_prefix_is_masked_however_it_is_written(prefix, groups, separator, digits, before):
    # A first group of this kind keeps what follows from being a day, a time or somebody counting.
    number = prefix + "71" + separator.join(groups).replace(" - ", "- ")
    text = before + number.translate(str.maketrans(DIGITS[0], digits))
    assert not any(character.isdigit() for character in mask(text)), text


@given(
    st.text("abcdefghijklmnop0123456789._", min_size=2, max_size=12).filter(lambda s: s.strip("._") == s),
    st.text("abcdefghijklmnop", min_size=2, max_size=12),
    st.sampled_from(["com", "org", "co.uk", "pk", "sa"]),
    st.sampled_from(["@", " @ ", "(at)", " (at) ", " [at] ", "{at}", "\uff20", " at "]),
)
def test_an_address_is_masked_however_its_at_is_written(local, domain, ending, at):
    dot = " dot " if at == " at " else "."
    address = f"{local}{at}{domain}{dot}{ending.replace('.', dot)}"
    masked = mask(f"Write to {address} soon")
    assert masked == "Write to [email] soon"


@given(st.integers(1300, 2198), st.integers(1, 12), st.integers(1, 28), st.integers(0, 23), st.integers(0, 59))
def test_days_and_times_stay(year, month, day, hour, minute):
    text = (
        f"In {year} or {year}-{year + 1}, on {year}-{month:02}-{day:02} and {day}.{month}.{year} "
        f"at {hour}:{minute:02}, {hour}.{minute:02} - {hour}.{minute:02}"
    )
    assert mask(text) == text
