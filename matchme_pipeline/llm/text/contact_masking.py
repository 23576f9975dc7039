"""What must not leave the process: e-mail addresses, links, handles and phone numbers become masks; pure."""

import re
from collections.abc import Iterator
from itertools import pairwise

MASKS = ("[email]", "[link]", "[handle]", "[phone]")

# The look-behinds let a match begin only where a word does: one pass over any text, however long its words.
_AT = r"(?:[@\uff20\ufe6b]|\s@\s|\s?[(\[{]\s?at\s?[)\]}]\s?)"
_DOT = r"(?:[.\uff0e\u3002]|\s?[(\[{]\s?dot\s?[)\]}]\s?)"
_PROVIDER = r"(?:gmail|googlemail|hotmail|outlook|yahoo|icloud|proton(?:mail)?)"
_EMAIL = re.compile(
    rf"(?<![\w.+%-])[\w.+%-]+{_AT}[\w-]+(?:{_DOT}[\w-]+)+"
    # In words, and with blanks, only at what can be nothing else.
    r"|(?<![\w.+%-])[\w.+%-]+\s(?:at|@)\s[\w-]+\s(?:dot|\.)\s(?:[\w-]+\s(?:dot|\.)\s)?[a-z]{2,6}(?![\w])"
    rf"|(?<![\w.+%-])(?:[\w.+%-]+\s?@\s?|(?=\w*[.\d_])[\w.+%-]+\sat\s){_PROVIDER}(?:{_DOT}[a-z]{{2,6}})?(?![\w])",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"(?:https?://|www\.)\S+"
    r"|(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|info|io|me|co|app|link|uk|de|fr|pk|ae|sa|ma|tr|gg|ly|xyz|dev|site"
    r"|online|blog)(?![\w.-])(?:/\S*)?"
    # Any other domain is taken for one where a path follows.
    r"|(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.[a-z]{2,12}/[\w%?=&@.~/-]*\w",
    re.IGNORECASE,
)
# With its sign, or behind the name of a place where people have one.
_HANDLE = re.compile(
    r"(?<![\w@])[@\uff20]\s?[\w][\w.]{1,49}"
    r"|\b(?:insta(?:gram)?|ig|snap(?:chat)?|telegram|tiktok|twitter|discord|skype|kik|wechat|facebook|fb)"
    r"(?:\s?(?:id|handle|user(?:name)?|name|is))*\s?[:=]\s?(?P<named>[\w][\w.]{2,49})"
    # Without a colon only what no plain word looks like.
    r"|\b(?:insta(?:gram)?|ig|snap(?:chat)?|telegram|tiktok|twitter|discord|skype|kik|wechat)"
    r"(?:\s(?:id|handle|user(?:name)?|name|is))*\s(?P<odd>(?=[a-z]*[\d_])[\w]{4,50}(?![\w]))",
    re.IGNORECASE,
)
# Any script's digits; at least seven of them with at most two separators in between.
_PHONE = re.compile(r"(?<!\d)(?:\+|\(\+?)?\d(?:[\s().\-/\u2010-\u2015\u00b7]{0,2}\d){6,}")
_DAY = r"(?:\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})"
# Gregorian or Hijri.
_YEAR = r"(?:1[3-9]|2[01])\d\d"
_TIME = r"(?:[01]?\d|2[0-4])[.][0-5]\d"
_BETWEEN = r"\s?[\s/\u2010-\u2015-]\s?"
# Numbers that are not a phone's: days, years, prayer times, a place in the Quran.
_ORDINARY = re.compile(
    rf"(?:{_DAY}|{_YEAR})(?:{_BETWEEN}(?:{_DAY}|{_YEAR}))*|{_TIME}(?:{_BETWEEN}{_TIME})+"
    r"|\d{1,3}[.]\d{1,3}\s?[\u2010-\u2015-]\s?\d{1,3}"
)
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
        if pattern is _PHONE and _is_ordinary(match[0]):
            continue
        # The name of the place stays: only the handle is masked.
        yield match.span(match.lastgroup or 0)


def _is_ordinary(digits: str) -> bool:
    """Whether what looks like a phone number is days, years, times, a place in the Quran, or somebody who counts."""
    if _ORDINARY.fullmatch(digits.strip()):
        return True
    counted = [int(number) for number in digits.split()] if re.fullmatch(r"\d+(?:\s\d+){2,}", digits) else []
    return bool(counted) and all(b - a == 1 for a, b in pairwise(counted))
