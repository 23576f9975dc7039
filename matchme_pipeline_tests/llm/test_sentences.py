"""Where a text is cut: behind a sentence, else behind a word, never in the middle of what could stay whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.llm.text.sentences import MAX_CHARACTERS, cut_at_boundary, sentences


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [
        ("aaaa. bbbb. cccc dddd", 21, "aaaa. bbbb. cccc dddd"),
        ("aaaa. bbbb. cccc dddd", 20, "aaaa. bbbb."),
        ("aaaa. bbbb. cccc dddd", 11, "aaaa. bbbb."),
        # A sentence's end counts in the second half alone; then a word's.
        ("aaaa. bbbb. cccc dddd", 10, "aaaa. bbbb"),
        ("aaaa. bbbb. cccc dddd", 9, "aaaa."),
        ("a. bbbbbbb cc dddddd", 15, "a. bbbbbbb cc"),
        ("alpha beta gamma delta", 12, "alpha beta"),
        ("alpha beta gamma delta", 11, "alpha beta"),
        ("alpha beta gamma delta", 10, "alpha beta"),
        ("alpha beta gamma delta", 9, "alpha"),
        ("alphabetagamma", 5, "alpha"),
        ("alpha\nbeta\ngamma", 12, "alpha\nbeta"),
        ("میں خوش ہوں۔ اور آپ کیسے", 20, "میں خوش ہوں۔"),
        ("هل أنت؟ نعم أنا هنا", 12, "هل أنت؟"),
        ("", 0, ""),
    ],
)
def test_a_text_is_cut_behind_a_sentence_or_a_word(text: str, most: int, cut: str):
    assert cut_at_boundary(text, most) == cut


@given(st.text(alphabet="ab .\n", max_size=80), st.integers(0, 90))
def test_what_is_cut_is_the_beginning_and_short_enough(text: str, most: int):
    cut = cut_at_boundary(text, most)
    assert text.startswith(cut)
    assert len(cut) <= most
    assert len(text) > most or cut == text


def test_sentences_end_at_the_stops_of_every_script_and_long_ones_at_a_blank():
    text = 'One! "Two?" Three… هل أنت؟ میں خوش ہوں۔\nNo stop here'
    assert sentences(text) == ["One!", '"Two?"', "Three…", "هل أنت؟", "میں خوش ہوں۔", "No stop here"]
    assert sentences("3.5 of www.a.example stays.") == ["3.5 of www.a.example stays."]
    assert sentences(" \n ") == []
    assert sentences("x" * MAX_CHARACTERS) == ["x" * MAX_CHARACTERS]
    assert [len(piece) for piece in sentences("x" * (2 * MAX_CHARACTERS + 1))] == [MAX_CHARACTERS, MAX_CHARACTERS, 1]
    words = "word " * 200
    assert [len(piece) for piece in sentences(words)] == [399, 399, 199]
    assert " ".join(sentences(words)) == words.strip()
