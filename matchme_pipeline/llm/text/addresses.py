"""Finds e-mail addresses and links in a folded text, with signs and in words; pure."""

import re
from collections.abc import Iterator

from matchme_pipeline.llm.text.folding import fold
from matchme_pipeline.llm.text.literals import may_hold

# The look-behinds let a match begin only at the start of a word, and repetitions are bounded: one pass over any text.
_AT = r"(?:@|\s@\s|\s?[(\[{<-]\s?(?:a\s?t|@)\s?[)\]}>-]\s?)"
_DOT_WORDS = (
    *("dot", "d0t", "punto", "punkt", "nokta", "titik", "tochka", fold("точка").text),
    *("دوت", "نقطة", "ڈاٹ"),
)
_DOT_WORD = rf"(?:{'|'.join(_DOT_WORDS)}|d\so\st)"
# "At" in the languages whose word for it means nothing else.
_AT_NAMES = ("arroba", "arobase", "chiocciola", "kuyruklu a", "ät", "sobaka", fold("собака").text, "آت")
_DOT = rf"(?:\.|\s?[(\[{{<-]\s?(?:{_DOT_WORD}|\.)\s?[)\]}}>-]\s?)"
# People work at the other providers, so a name before one of these needs a sign of an address.
_MAIL_ONLY = r"(?:g\s?mail|google\s?mail|hotmail|icloud|proton\s?mail|ymail|جي\s?ميل|هوتميل|جی\s?میل)"
_PROVIDER = rf"(?:{_MAIL_ONLY}|outlook|yahoo|proton|aol|live)"
_AT_WORK = (
    r"(?:work|works|worked|working|job|jobs|am|is|are|was|were|be|been|me|look|looking|looked|meet|met|team|teams|engineer"
    r"|engineers|intern|internship|manager|started|studied|years|people|friend|friends|developer|designer|role|staff)"
)
_EMAIL = re.compile(
    rf"(?<![\w.+%-])(?:[\w+%-]{{1,32}}\sdot\s){{0,3}}[\w.+%-]{{1,64}}{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{1,5}}"
    # In words and with spaces, only if nothing else is possible.
    r"|(?<![\w.+%-])(?:[\w+%-]{1,32}\sdot\s){0,3}[\w.+%-]{1,64}\s(?:at|@)\s[\w-]{1,63}\s(?:dot|\.)\s(?:[\w-]{1,63}\s(?:dot|\.)\s)?[a-z]{2,6}(?![\w])"
    rf"|(?<![\w.+%-])[\w.+%-]{{1,64}}\s(?:{'|'.join(_AT_NAMES)})\s[\w-]{{1,63}}\s?(?:{_DOT_WORD}|point|\.)\s?[a-z]{{2,6}}(?![\w])"
    rf"|(?<![\w.+%-])(?:[\w.+%-]{{1,64}}\s?@\s?|(?=\w*[.\d_])[\w.+%-]{{1,64}}\sat\s){_PROVIDER}"
    rf"(?:{_DOT}[a-z]{{2,6}})?(?![\w])"
    rf"|(?<![\w.+%-])(?!{_AT_WORK}\s)[a-z][\w.+%-]{{2,63}}\s{{1,3}}(?:at|{_AT})\s{{0,3}}{_MAIL_ONLY}"
    rf"(?:(?:{_DOT}|\sdot\s)[a-z]{{2,6}})?(?![\w])"
    # Letter by letter.
    r"|(?<!\S)(?:[\w.+-]\s){2,40}(?:@|at)\s(?:[\w-]\s){2,40}(?:\.|dot)(?:\s\w){2,6}(?![\w])"
    r"|(?<!\S)(?:\w[-_.]){2,40}\w\s?(?:@|at)\s?(?:\w[-_.]){2,40}\w\s?(?:\.|dot)\s?\w(?:[-_.]\w){1,5}(?![\w])"
    # Backwards.
    r"|(?<!\w)(?:moc|ten|gro)\s?\.\s?\w{2,30}@[\w.]{2,40}",
    re.IGNORECASE,
)
# Without the sign, an address holds "at" as a word (or before a provider) with a dot, a bracket or a provider, or is
# written letter by letter.
_AT_WORD = re.compile(r"[aA](?<![^\W_].)\s?[tT](?![^\W_])")
_AROUND_AT = re.compile(r"\s(?:[dD][oO][tT]|\.)\s|[)\]}>-](?<=[tT].)|[)\]}>-](?<=[tT]\s.)")
_LETTERS_WITH_SIGNS = re.compile(r"[-_.](?<=\w.)\w[-_.]")
_MAIL_WORDS = ("mail", "icloud", "ميل", "میل")
_PROVIDER_WORDS = (*_MAIL_WORDS, "outlook", "yahoo", "proton", "aol", "live")
# A mail provider, and what may separate it from the name before it.
_MAILBOX = re.compile(
    rf"(?<![^\W_]){_MAIL_ONLY}(?:(?P<ending>\s?(?:[.,]|{_DOT_WORD}|point|-\s?dot\s?-|\s)\s?(?:com|net|org|كوم|کام))(?![^\W_]))?"
    r"(?![^\W_])",
    re.IGNORECASE,
)
_BEFORE_MAILBOX = re.compile(
    r"(?<![\w.+%-])(?P<name>[\w.+%-]{3,64})\s{0,2}[-([{<]?\s?"
    r"(?P<at>(?:at\sthe\srate(?:\sof)?|at|@|arroba|arobase|chez|et|آت|ات|اٹ|ایٹ|على)(?![^\W_]))?\s?[-)\]}>]?\s{0,2}[-([{<]?\s?$",
    re.IGNORECASE,
)
_NEVER_ANY_WORD = ("arroba", "arobase", "آت", "at the rate", "at the rate of", "@")

_ENDINGS = (
    r"com|net|org|info|io|me|co|app|link|uk|de|fr|pk|ae|sa|ma|tr|gg|ly|xyz|dev|site|online|blog|page|club|shop|tv|in|my|id|bd"
    r"|eg|qa|us|ca|au|eu|nl|be|es|it|se|no|ch|at|ru|cn|jp|biz|chat|live|to|bio|ee|fm"
)
# Top-level domains that are also words, where a space after a full stop is missing.
_SURE_ENDINGS = (
    r"com|(?!(?-i:NET))net|org|info|io|me|co|app|link|uk|de|fr|pk|ae|sa|ma|tr|gg|ly|xyz|dev|site|online|blog|tv|biz|bio|ee|fm"
    r"|eth|كوم|نت"
)
_LINK = re.compile(
    r"(?:https?|hxxps?|ftp|mailto|tg|whatsapp|javascript|data|live)\s?:\s?//?\s?\S+|(?:https?://|www\.|live:)\S+"
    rf"|(?<![\w.-])[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,5}}[.،]\s?(?:(?<=\s)com|(?<!\s)(?:{_SURE_ENDINGS}))(?![\w.-])(?:/\S*)?"
    rf"|(?<![\w.-])[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,5}}\.(?:{_SURE_ENDINGS})(?=\.(?:\s|$))"
    # Any other domain counts only if a path follows.
    rf"|(?<![\w.-])[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,5}}\.(?:{_ENDINGS}|[a-z]{{2,12}})/[\w%?=&@.~/-]*\w"
    rf"|(?<![\w.-])[\w-]{{2,63}}(?:\s(?:{_DOT_WORD}|\[dot\]|\(dot\)|\{{dot\}})\s|\s?[(\[{{<]\s?(?:{_DOT_WORD}|\.)\s?[)\]}}>]\s?)"
    r"(?:com|net|org|io|me|co|gg|app|pk|uk)(?![\w])(?:\s?(?:/|slash\s)\s?\S+)?"
    r"|(?<![\w.-])[a-z0-9-]{2,63}\s\.\s?(?:com|(?!(?-i:NET))net|org|io|gg)(?![\w])(?:/\S*)?"
    # The short addresses of messengers, with spaces and in words.
    r"|(?<![\w.-])(?:(?:t|wa|m|ig|fb)\s?(?:\.|\sdot\s|\s)\s?me|linktr\s?\.?\s?ee|linktree|bit\s?\.\s?ly)\s?(?:/|\sslash\s)\s?[\w@.+-]+",
    re.IGNORECASE,
)
# Every link without a slash has one of these: a dot before a letter or in brackets, or a dot in words.
_LINK_DOT = re.compile(r"[.،](?:\w|\s[cC][oO][mM])|[.](?<=\s.)\s?\w|[(\[{<]\s?\.|[dD]\s[oO]\s[tT]")
_LINK_WORDS = ("www.", "live:", "slash", *_DOT_WORDS)


def emails(text: str) -> Iterator[tuple[int, int]]:
    """Spans of a folded text that are e-mail addresses."""
    if _may_hold_email(text):
        yield from (match.span() for match in _EMAIL.finditer(text))
    for mailbox in _MAILBOX.finditer(text) if may_hold(text, _MAIL_WORDS) else ():
        before = _BEFORE_MAILBOX.search(text, max(0, mailbox.start() - 90), mailbox.start())
        if before is not None and _is_mailbox(before, mailbox["ending"] is not None):
            yield before.start(), mailbox.end()


def links(text: str) -> Iterator[tuple[int, int]]:
    """Spans of a folded text that are links or domains."""
    if _may_hold_link(text):
        yield from (match.span() for match in _LINK.finditer(text))


def _may_hold_email(text: str) -> bool:
    if "@" in text or _LETTERS_WITH_SIGNS.search(text) or may_hold(text, (*_MAIL_WORDS, *_AT_NAMES)):
        return True
    return _AT_WORD.search(text) is not None and (
        _AROUND_AT.search(text) is not None or may_hold(text, _PROVIDER_WORDS)
    )


def _may_hold_link(text: str) -> bool:
    return "/" in text or _LINK_DOT.search(text) is not None or may_hold(text, _LINK_WORDS)


def _is_mailbox(before: re.Match[str], has_ending: bool) -> bool:
    name, at = before["name"], (before["at"] or "").casefold()
    made = re.search(r"\d|_|\w\.\w", name) is not None and re.search(r"[^\W\d_]", name) is not None
    return made or at in _NEVER_ANY_WORD or (has_ending and not _NO_NAME.fullmatch(name))


_NO_NAME = re.compile(r"(?:my|a|the|your|his|her|our|their|on|in|via|to|from|use|of|is|and|by|with)", re.IGNORECASE)
