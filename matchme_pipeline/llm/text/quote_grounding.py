"""The grounding rule: a quote counts only if the member wrote it; pure."""

import re
import unicodedata
from functools import cached_property

_BLANK = re.compile(r"\s+")


class QuotableText:
    """A member's text in which quotes are searched; it is folded once for all quotes."""

    def __init__(self, text: str) -> None:
        """Store `text`; it is folded when the first quote needs it."""
        self._text = text

    def find(self, quote: str) -> str | None:
        """The member's own wording of `quote`, or None if the text does not contain it.

        The text contains a quote if it is a substring after both are in Unicode's NFKC form and runs of spaces are
        single spaces. The result is the part of the text, never the quote's spelling.
        """
        quote = quote.strip()
        if not quote:
            return None
        if quote in self._text:
            return quote
        wanted = _fold(quote)[0].strip()
        folded, origins = self._folded
        start = folded.find(wanted)
        if start < 0 or not wanted:
            return None
        found = self._text[origins[start][0] : origins[start + len(wanted) - 1][1]].strip()
        # A quote that ends inside a composed character would be widened by it: it does not count.
        return found if _fold(found)[0].strip() == wanted else None

    @cached_property
    def _folded(self) -> tuple[str, list[tuple[int, int]]]:
        return _fold(self._text)


def _fold(text: str) -> tuple[str, list[tuple[int, int]]]:
    """`text` in NFKC with single spaces, and for each character its span in `text`."""
    folded: list[str] = []
    origins: list[tuple[int, int]] = []
    for start, end in _clusters(text):
        for character in _BLANK.sub(" ", unicodedata.normalize("NFKC", text[start:end])):
            # No quote begins or ends with a blank, so the end of a run of blanks is not needed.
            if character == " " and folded and folded[-1] == " ":
                continue
            folded.append(character)
            origins.append((start, end))
    return "".join(folded), origins


def _clusters(text: str) -> list[tuple[int, int]]:
    """Spans of a base character with its combining characters: normalised together, so each result has an origin."""
    starts = [i for i, character in enumerate(text) if i == 0 or not unicodedata.combining(character)]
    return [(start, end) for start, end in zip(starts, [*starts[1:], len(text)], strict=False)]
