"""What must not leave the process: e-mail addresses, links, handles and phone numbers become masks; pure."""

import re
from collections.abc import Iterator

MASKS = ("[email]", "[link]", "[handle]", "[phone]")

# The look-behinds let a match begin only where a word does: one pass over any text, however long its words.
_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]+(?:@|\s?(?:\(at\)|\[at\])\s?)[\w-]+(?:(?:\.|\s?(?:\(dot\)|\[dot\])\s?)[\w-]+)+",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"(?:https?://|www\.)\S+"
    r"|(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|info|io|me|co|app|link|uk|de|fr|pk|ae|sa|ma|tr)(?![\w.-])(?:/\S*)?",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<![\w@])@[\w][\w.]{1,49}")
# Any script's digits; at least seven of them with at most two separators in between. Dates and years stay.
_PHONE = re.compile(r"(?<![\w])(?:\+|\(\+?)?\d(?:[\s().\-/\u2010-\u2015]{0,2}\d){6,16}(?!\w)")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{4}\s?[-\u2013]\s?\d{4}")
_RULES = ((_EMAIL, "[email]"), (_LINK, "[link]"), (_HANDLE, "[handle]"), (_PHONE, "[phone]"))


def mask(text: str) -> str:
    """`text` with every contact replaced by its mask; masking twice changes nothing more."""
    # What stood beside a contact may be one itself once that is gone, as the second handle in `@a@b`.
    while found := contacts(text):
        pieces, position = [], 0
        for start, end, name in found:
            pieces += [text[position:start], name]
            position = end
        text = "".join(pieces) + text[position:]
    return text


def contacts(text: str) -> list[tuple[int, int, str]]:
    """Where contacts stand in `text`: start, end and mask, in order and without overlap (the earlier rule wins)."""
    taken: list[tuple[int, int, str]] = []
    for pattern, name in _RULES:
        taken += [
            (start, end, name)
            for start, end in _spans(pattern, text)
            if not any(start < other_end and other_start < end for other_start, other_end, _ in taken)
        ]
    return sorted(taken)


def shows_contact(quote: str) -> bool:
    """Whether `quote` holds a mask or a contact; such a quote must not be shown."""
    return any(name in quote for name in MASKS) or bool(contacts(quote))


def _spans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    for match in pattern.finditer(text):
        if pattern is _PHONE and _DATE.fullmatch(match[0].strip()):
            continue
        yield match.start(), match.end()
