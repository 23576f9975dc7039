"""The quick looks before the expensive patterns of masking hide nothing that a pattern finds."""

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matchme_pipeline.llm.text import addresses, handles, model_addressing, spelt_numbers
from matchme_pipeline.llm.text.folding import fold
from matchme_pipeline.llm.text.literals import may_hold
from matchme_pipeline.llm.text.names import named

LOOKS: dict[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "email": (addresses._EMAIL, addresses._may_hold_email),
    "mailbox": (addresses._MAILBOX, lambda text: may_hold(text, addresses._MAIL_WORDS)),
    "link": (addresses._LINK, addresses._may_hold_link),
    "platform": (handles._PLATFORM, handles._may_hold_platform),
    "compact": (model_addressing._COMPACT, lambda text: any(w in text for w in model_addressing._COMPACT_WORDS)),
    **{f"sign {n}": (sign.pattern, model_addressing._has_sign) for n, sign in enumerate(model_addressing._SIGNS)},
}


def holds(look: str, text: str) -> bool:
    """Does the quick look let every text pass in which the pattern matches?"""
    pattern, may_match = LOOKS[look]
    return pattern.search(text) is None or may_match(text)


@pytest.mark.parametrize("look", LOOKS)
@settings(suppress_health_check=list(HealthCheck), max_examples=10)
@given(data=st.data())
def test_a_quick_look_lets_every_match_of_its_pattern_pass(look: str, data: st.DataObject):
    assert holds(look, data.draw(st.from_regex(LOOKS[look][0])))


@pytest.mark.parametrize("look", ["email", "link", "platform"])
@settings(suppress_health_check=list(HealthCheck), max_examples=25)
@given(data=st.data())
def test_a_quick_look_lets_ascii_matches_pass(look: str, data: st.DataObject):
    ascii_text = st.characters(max_codepoint=127)
    assert holds(look, data.draw(st.from_regex(LOOKS[look][0], alphabet=ascii_text)))


WORDS = sorted(word for word in spelt_numbers._DIGITS_BY_WORD if word.isascii())


@given(st.lists(st.sampled_from([*WORDS, "dash", "tea", "7", "undo", "fivesixseveneight"]), max_size=12))
def test_a_number_in_words_is_found_among_any_words(words: list[str]):
    text = " ".join(words)
    alone = list(spelt_numbers.spelt_numbers(text))
    assert list(spelt_numbers.spelt_numbers(f"so {text} it is")) == [(start + 3, end + 3) for start, end in alone]


NAMES = ["Sarah", "Khan", "Al-Sayed", "O'Neil", "Iman", "De la Cruz", "محمد", "İpek", "Mary Anne"]


@given(st.lists(st.sampled_from(NAMES), max_size=4), st.sampled_from(NAMES), st.integers(0, 3), st.text(max_size=8))
def test_other_names_hide_no_name(others: list[str], name: str, spelling: int, around: str):
    spelt = (name, name.upper(), "".join(name.split()), " ".join(name.replace("'", "")))[spelling]
    text = fold(f"{around} {spelt} {around}").text
    assert set(named(text, [name])) <= set(named(text, [name, *others]))
