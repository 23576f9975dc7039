"""A member's names are found in every spelling, whatever else stands in the text."""

from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.llm.text.names import named

# A name as the profile has it, and as somebody may write it.
WRITTEN = [
    ("Sarah", "SARAH"),
    ("Sarah", "s.a.r.a.h"),
    ("Sarah", "\u017farah"),
    ("Sarah", "IamSarah"),
    ("Kelvin", "K e l v i n"),
    ("Kelvin", "\u212aelvin"),
    ("O'Brien", "obrien"),
    ("O'Brien", "O`Brien"),
    ("Khan", "khans"),
    ("Zoë", "zoe"),
    ("Zoe", "Zoë"),
    ("İpek", "ipek"),
    ("Ipek", "İPEK"),
    ("Işık", "isik"),
    ("Al-Amin", "al amin"),
    ("Nur-un-Nisa", "nurunnisa"),
    ("محمد", "ومحمد"),
    ("a*bc", "a*bc"),
]
# Other words; none is a part of a name above.
WORDS = st.lists(
    st.sampled_from(["we", "met", "on", "Friday", "😀", "und", "schön", "it's", "3", "-", "."]), max_size=6
)


@given(st.sampled_from(WRITTEN), WORDS, WORDS, st.sampled_from([[], ["Qadir"], ["李"]]))
def test_a_name_is_found_in_every_spelling_among_any_words(
    name: tuple[str, str], before: list[str], after: list[str], others: list[str]
):
    own, written = name
    text = " ".join([*before, "", written, "", *after])
    start = len(" ".join([*before, "", ""]))
    spans = list(named(text, [own, *others]))
    assert any(begin < start + len(written) and end > start for begin, end in spans)


@given(WORDS, st.sets(st.sampled_from([own for own, _ in WRITTEN])))
def test_no_name_is_found_among_other_words(words: list[str], names: set[str]):
    assert list(named(" ".join(words), names)) == []
