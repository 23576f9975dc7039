"""Masks what must not be sent: e-mail addresses, links, handles, phone numbers and names; pure."""

from collections.abc import Collection
from functools import lru_cache

from matchme_pipeline.llm.text.addresses import emails, links
from matchme_pipeline.llm.text.folding import fold
from matchme_pipeline.llm.text.handles import handles
from matchme_pipeline.llm.text.names import MASKS, named
from matchme_pipeline.llm.text.phone_numbers import phone_numbers

# Passes over a text: masking one contact may reveal another. After the last pass, everything between the first and the
# last contact is masked.
_MAX_PASSES = 12


def mask(text: str, names: Collection[str] = ()) -> str:
    """`text` with every contact, and each of `names`, replaced by its mask; idempotent."""
    return _mask(text, tuple(names))


# An insight's title appears in the previews of all its member's pairs.
@lru_cache(maxsize=16_384)
def _mask(text: str, names: tuple[str, ...]) -> str:
    # Masking one contact may reveal another, such as the second handle in `@a@b`.
    passes = 0
    while found := contacts(text, names):
        passes += 1
        if passes > _MAX_PASSES:
            found = [(found[0][0], found[-1][1], found[0][2])]
        pieces, position = [], 0
        for start, end, name in found:
            pieces += [text[position:start], name]
            position = end
        text = "".join(pieces) + text[position:]
    return text


def contacts(text: str, names: Collection[str] = ()) -> list[tuple[int, int, str]]:
    """The contacts in `text`: start, end and mask, in order and without overlap (the earlier rule wins)."""
    folded = fold(text)
    taken: list[tuple[int, int, str]] = []
    is_taken = bytearray(len(folded.text))
    for spans, name in (
        (emails(folded.text), "[email]"),
        (links(folded.text), "[link]"),
        (handles(folded.text), "[handle]"),
        (phone_numbers(folded.text), "[phone]"),
        (named(folded.text, names), "[name]"),
    ):
        for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            if not any(is_taken[start:end]):
                is_taken[start:end] = b"\x01" * (end - start)
                taken.append((start, end, name))
    return [(*folded.span(start, end), name) for start, end, name in sorted(taken)]


# A quote is checked as a model's sentence, as its answer and as the member's own words.
@lru_cache(maxsize=16_384)
def shows_contact(quote: str) -> bool:
    """Does `quote` contain a mask or a contact? Such a quote must not be shown."""
    return any(name in quote for name in MASKS) or bool(contacts(quote))


def mask_if_named(text: str, names: Collection[str]) -> str:
    """`text` masked if it contains one of `names`, otherwise unchanged: a later masking finds the contacts."""
    return mask(text, names) if any(named(fold(text).text, names)) else text
