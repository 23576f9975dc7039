"""One table of spellings: matching, MySoul DNA and SQL take every spelling for the same value."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna.facts import resolve_religion
from matchme_pipeline.dna.traits import member_traits
from matchme_pipeline.dna.weights import NOT_STATED
from matchme_pipeline.matching.rules import vocabulary as words
from matchme_pipeline.matching.rules.members import MemberRow
from matchme_pipeline.profile_vocabulary import VOCABULARY, codes_of, plain, value_of
from matchme_pipeline_tests.dna.made import empty_member, make
from matchme_pipeline_tests.matching.made import columns, row

# By column of the table: the columns of matching, and a row that states the value.
MATCHING = {
    "education_level": ("education", lambda written: {"education_level": written}),
    "practice_level": ("religiosity", lambda written: {"religion": {"practiceLevel": written}}),
    "sect": ("sect", lambda written: {"religion": {"sect": written}}),
    "prayer_frequency": ("religiosity", lambda written: {"prayer_frequency": written}),
    "marital_status": ("marital", lambda written: {"marital_status": written}),
    "family_values": ("family_values", lambda written: {"family_values": written}),
}
SPELLINGS = [(column, spelling) for column, values in VOCABULARY.items() for s in values.values() for spelling in s]
UNKNOWN = ["school of life", "Hifz", "bachelrs", "marketing", "sufi order", "Bachelors in law", "like my father", "؟"]
# The degree of each spelling that members use, by hand.
DEGREES = {
    "high school": ["A-level", "A levels", "GCSE", "GCSEs", "some college", "Diploma", "High School"],
    "vocational": ["HND", "NVQ", "Apprenticeship", "Trade/Vocational", "Associate's degree"],
    "bachelors": ["BEng", "B.Sc. (Hons)", "BA", "LLB", "MBBS", "Undergraduate", "Bachelor’s Degree", "ＢＳｃ"],
    "masters": ["MEng", "Masters", "master's degree", "MBA", "M.Sc.", "Postgraduate", "LLM"],
    "phd": ["PhD", "Ph.D.", "MD", "Doctorate/PhD", "DPhil"],
    "other": ["Other"],
}


def matching_codes(column: str, written: Sequence[str]) -> list[int]:
    attribute, stating = MATCHING[column]
    blank = {"religion": None, "prayer_frequency": None, "sect": None}
    rows: list[MemberRow] = [row(f"u{n:04d}", **{**blank, **stating(one)}) for n, one in enumerate(written)]
    return [int(code) for code in getattr(columns(*rows), attribute)]


def dna_traits(column: str, written: Sequence[str]) -> list[str | None]:
    """The trait of each member, in a population where every value is stated by enough members to be one."""
    _, stating = MATCHING[column]
    everybody = [stating(one) for one in written for _ in range(3)]
    members = [{**empty_member(f"u{n:04d}"), **stated} for n, stated in enumerate(everybody)]
    traits = member_traits(resolve_religion(make(members, [], [], [])))
    keys = traits.table["key"].to_numpy()
    own = dict(zip(traits.member.tolist(), traits.trait.tolist(), strict=True))
    return [str(keys[own[3 * n]]).partition("=")[2] if 3 * n in own else None for n in range(len(written))]


def in_other_dress(spelling: str) -> list[str]:
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in spelling)
    return [spelling, spelling.upper(), ".".join(spelling), f" {spelling.title()} (2:1) ", wide]


@pytest.mark.parametrize("column", VOCABULARY)
def test_matching_and_dna_take_every_spelling_for_the_same_value(column: str):
    values = list(VOCABULARY[column])
    written = [dress for one, spelling in SPELLINGS if one == column for dress in in_other_dress(spelling)]
    codes, traits = matching_codes(column, written), dna_traits(column, written)
    assert [values[code] for code in codes] == traits
    assert set(traits) == set(values)


@pytest.mark.parametrize("column", VOCABULARY)
def test_a_spelling_that_matching_does_not_know_is_no_listed_value_of_dna_and_the_other_way_round(column: str):
    written = [*UNKNOWN, *(one for one in NOT_STATED if one)]
    assert set(matching_codes(column, written)) == {words.MISSING}
    # Listed values are stated as well: an unknown spelling one letter off is not folded into them.
    traits = dna_traits(column, [*written, *VOCABULARY[column]])
    assert not set(traits[: len(written)]) & set(VOCABULARY[column])
    assert traits[len(written) :] == list(VOCABULARY[column])


def test_the_degrees_that_members_write_are_understood():
    for value, written in DEGREES.items():
        assert {value_of("education_level", one) for one in written} == {value}


def test_every_spelling_is_plain_stands_for_one_value_and_every_value_is_its_own_spelling():
    assert len(SPELLINGS) == len(set(SPELLINGS))
    assert all(spelling == plain(spelling) for _, spelling in SPELLINGS)
    for column, values in VOCABULARY.items():
        assert [value_of(column, value) for value in values] == list(values)


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        ("education_level", words.EDUCATION_LABELS),
        ("practice_level", words.RELIGIOSITY_LABELS),
        ("marital_status", words.MARITAL_LABELS),
        ("sect", words.SECTS),
    ],
)
def test_the_labels_of_the_screens_ask_for_the_values_in_their_order(column: str, labels: tuple[str, ...]):
    assert [codes_of(column)[plain(label)] for label in labels] == list(range(len(VOCABULARY[column])))


def test_prayer_and_practice_are_one_scale():
    assert len(VOCABULARY["prayer_frequency"]) == len(VOCABULARY["practice_level"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"], exclude_characters="\0")), max_size=40))
def test_sql_and_python_have_the_same_plain_form(app_database: Connection, written: list[str]):
    found = app_database.execute(
        """
        select coalesce(array_agg(matchme_plain(one) order by n), '{}')
        from unnest(%s::text[]) with ordinality as given (one, n)
        """,
        [written],
    ).fetchall()
    assert found[0][0] == [plain(one) for one in written]
