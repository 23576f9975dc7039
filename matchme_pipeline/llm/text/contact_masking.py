"""Masks what must not leave the process: e-mail addresses, links, handles, phone numbers and names; pure."""

import re
from collections.abc import Collection

from matchme_pipeline.llm.text.folding import fold
from matchme_pipeline.llm.text.handles import handles
from matchme_pipeline.llm.text.names import MASKS, named
from matchme_pipeline.llm.text.phone_numbers import phone_numbers

# The look-behinds let a match begin only where a word does, and repetitions are bounded: one pass over any text.
_AT = r"(?:@|\s@\s|\s?[(\[{<]\s?(?:at|@)\s?[)\]}>]\s?)"
_DOT = r"(?:\.|\s?[(\[{<]\s?(?:dot|\.)\s?[)\]}>]\s?)"
# Nobody is anywhere "at gmail"; at the others people work, so that their names need a sign of an address.
_MAIL_ONLY = r"(?:g\s?mail|google\s?mail|hotmail|icloud|proton\s?mail|ymail)"
_PROVIDER = rf"(?:{_MAIL_ONLY}|outlook|yahoo|proton|aol|live)"
_AT_WORK = (
    r"(?:work|works|worked|working|job|jobs|am|is|are|was|were|be|been|me|look|looking|looked|meet|met|team|teams|engineer"
    r"|engineers|intern|internship|manager|started|studied|years|people|friend|friends|developer|designer|role|staff)"
)
_EMAIL = re.compile(
    rf"(?<![\w.+%-])(?:[\w+%-]{{1,32}}\sdot\s){{0,3}}[\w.+%-]{{1,64}}{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{1,5}}"
    # In words, and with blanks, only at what can be nothing else.
    r"|(?<![\w.+%-])(?:[\w+%-]{1,32}\sdot\s){0,3}[\w.+%-]{1,64}\s(?:at|@)\s[\w-]{1,63}\s(?:dot|\.)\s(?:[\w-]{1,63}\s(?:dot|\.)\s)?[a-z]{2,6}(?![\w])"
    rf"|(?<![\w.+%-])(?:[\w.+%-]{{1,64}}\s?@\s?|(?=\w*[.\d_])[\w.+%-]{{1,64}}\sat\s){_PROVIDER}"
    rf"(?:{_DOT}[a-z]{{2,6}})?(?![\w])"
    rf"|(?<![\w.+%-])(?!{_AT_WORK}\s)[a-z][\w.+%-]{{2,63}}\s{{1,3}}(?:at|{_AT})\s{{0,3}}{_MAIL_ONLY}"
    rf"(?:(?:{_DOT}|\sdot\s)[a-z]{{2,6}})?(?![\w])"
    # Letter by letter.
    r"|(?<!\S)(?:[\w.+-]\s){2,40}(?:@|at)\s(?:[\w-]\s){2,40}(?:\.|dot)(?:\s\w){2,6}(?![\w])",
    re.IGNORECASE,
)
_ENDINGS = (
    r"com|net|org|info|io|me|co|app|link|uk|de|fr|pk|ae|sa|ma|tr|gg|ly|xyz|dev|site|online|blog|page|club|shop|tv|in|my|id|bd"
    r"|eg|qa|us|ca|au|eu|nl|be|es|it|se|no|ch|at|ru|cn|jp|biz|chat|live|to|bio|ee|fm"
)
# Endings that are words of a sentence, where a blank after a full stop was left out.
_SURE_ENDINGS = (
    r"com|net|org|info|io|me|co|app|link|uk|de|fr|pk|ae|sa|ma|tr|gg|ly|xyz|dev|site|online|blog|tv|biz|bio|ee|fm"
)
_LINK = re.compile(
    r"(?:https?|ftp|mailto|tg|whatsapp|javascript|data)\s?:\s?//?\s?\S+|(?:https?://|www\.)\S+"
    rf"|(?<![\w.-])[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,5}}\.(?:{_SURE_ENDINGS})(?![\w.-])(?:/\S*)?"
    # Any other domain is taken for one where a path follows.
    rf"|(?<![\w.-])[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,5}}\.(?:{_ENDINGS}|[a-z]{{2,12}})/[\w%?=&@.~/-]*\w"
    r"|(?<![\w.-])[\w-]{2,63}(?:\s(?:dot|\[dot\]|\(dot\)|\{dot\})\s|\s?[(\[{]\s?(?:dot|\.)\s?[)\]}]\s?)"
    r"(?:com|net|org|io|me|co|gg|app|pk|uk)(?![\w])(?:\s?(?:/|slash\s)\s?\S+)?"
    r"|(?<![\w.-])[a-z0-9-]{2,63}\s\.\s?(?:com|net|org|io|gg)(?![\w])(?:/\S*)?",
    re.IGNORECASE,
)


def mask(text: str, names: Collection[str] = ()) -> str:
    """`text` with every contact, and each of `names`, replaced by its mask; masking twice changes nothing more."""
    # What stood beside a contact may be one itself once that is gone, as the second handle in `@a@b`.
    while found := contacts(text, names):
        pieces, position = [], 0
        for start, end, name in found:
            pieces += [text[position:start], name]
            position = end
        text = "".join(pieces) + text[position:]
    return text


def contacts(text: str, names: Collection[str] = ()) -> list[tuple[int, int, str]]:
    """Where contacts stand in `text`: start, end and mask, in order and without overlap (the earlier rule wins)."""
    folded = fold(text)
    taken: list[tuple[int, int, str]] = []
    is_taken = bytearray(len(folded.text))
    for spans, name in (
        ((match.span() for match in _EMAIL.finditer(folded.text)), "[email]"),
        ((match.span() for match in _LINK.finditer(folded.text)), "[link]"),
        (handles(folded.text), "[handle]"),
        (phone_numbers(folded.text), "[phone]"),
        (named(folded.text, names), "[name]"),
    ):
        for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            if not any(is_taken[start:end]):
                is_taken[start:end] = b"\x01" * (end - start)
                taken.append((start, end, name))
    return [(*folded.span(start, end), name) for start, end, name in sorted(taken)]


def shows_contact(quote: str) -> bool:
    """Whether `quote` holds a mask or a contact; such a quote must not be shown."""
    return any(name in quote for name in MASKS) or bool(contacts(quote))


def mask_if_named(text: str, names: Collection[str]) -> str:
    """`text` masked where it holds one of `names`, else as it is: who masks later finds the contacts."""
    return mask(text, names) if any(named(fold(text).text, names)) else text
