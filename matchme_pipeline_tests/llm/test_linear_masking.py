"""Masking, and looking for what speaks to a model, take time in proportion to a text's length."""

import time

import pytest

from matchme_pipeline.llm.text.contact_masking import mask
from matchme_pipeline.llm.text.model_addressing import addresses_a_model


@pytest.mark.parametrize(
    "hostile",
    [
        "@a",
        "insta ",
        "my insta: a_1 ",
        "a gmail ",
        "1-",
        "oneone",
        "O0l ",
        "0791 and ",
        "0791\n",
        "on snap im abcd ",
        "é1",
        "\u200b",
        "AAAA",
        "\\u0041",
    ],
)
@pytest.mark.parametrize("read", [lambda text: mask(text, ("Sarah",)), addresses_a_model], ids=["mask", "address"])
def test_a_text_ten_times_as_long_takes_about_ten_times_as_long(read, hostile: str):
    def seconds(length: int) -> float:
        text = (hostile * length)[:length]
        started = time.process_time()
        read(text)
        return time.process_time() - started

    # One pass takes ten times as long; what looks at every pair of places a hundred times.
    assert seconds(200_000) < 40 * max(seconds(20_000), 0.002)
