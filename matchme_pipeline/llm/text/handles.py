"""Names of accounts elsewhere, as members write them; pure."""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources

_SIGN = re.compile(r"(?<![\w@])@\s?\w[\w.]{1,49}")
_DISCORD_TAG = re.compile(r"(?<![\w#])[a-z0-9][\w.]{1,31}\s?#\s?\d{4}(?!\d)", re.IGNORECASE)
# Names that mean nothing else, and short or ordinary ones, which need a sign that an account is meant.
_PLATFORM = re.compile(
    r"(?<![^\W_])(?:(?P<clear>insta(?:gram)?|snap\s?chat|snap|tik\s?tok|telegram|whats\s?app|discord|skype|kik"
    r"|we\s?chat|viber|facebook|twitter|linkedin|bereal"
    r"|[إاأ]نست[اغقجک]?(?:رام|جرام|غرام|قرام|كرام)?|سناب(?:\s?شات)?|تي?لي?[جغق]رام|وات\s?س(?:\s?[اآ]ب)?|تيك\s?توك"
    r"|فيس(?:\s?بوك)?|تويتر|ديسكورد|انسٹا(?:\s?گرام)?|سنیپ(?:\s?چیٹ)?|ٹیلی\s?گرام|واٹس?\s?(?:ایپ|اپ)|ٹک\s?ٹاک"
    r"|فیس\s?بک|ڈسکارڈ|ٹوئٹر)"
    r"|(?P<short>ig|sc|tg|wa|fb|yt|signal|messenger|threads|youtube|insta\s?id))(?![^\W_])",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"\s*(?:(?:id|handle|user\s?name|user|name|acc(?:ount)?|profile|is|as|at|under|me|my|mine|it'?s|here|called"
    r"|حسابي|حسابى|يوزري?|اسمي|معرفي|هو|على|ہے|میرا|میری|آئی\s?ڈی|پر|نام)(?![^\W_])|[:=\u2013>~-]+|@)\s*",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[a-z0-9][\w.#-]{2,49}", re.IGNORECASE)
_OWN = re.compile(
    r"(?:\bmy|\badd\b|\bfind\b|\bfollow\b|\bdm\b|\bmessage\b|\btext\b|\bping\b|\breach\b|\bhit me\b|\bme on|\bi'?m on"
    r"|حسابي|ضيفني|تابعني|راسلني|میرا|میری|مجھے)[^.!?\n]{0,25}$",
    re.IGNORECASE,
)
_ENDS_CLAUSE = re.compile(r"\s*(?:$|[.,;:!?)\n\u060c\u061f\u06d4]|(?:and|or|if|for|x|&)(?![^\W_]))", re.IGNORECASE)


def handles(text: str) -> Iterator[tuple[int, int]]:
    """Spans of a folded text that are account names: with their sign, or behind the name of a platform."""
    yield from (match.span() for match in _SIGN.finditer(text))
    yield from (match.span() for match in _DISCORD_TAG.finditer(text))
    for platform in _PLATFORM.finditer(text):
        place, signed, cued = platform.end(), False, False
        for _ in range(6):
            cue = _CUE.match(text, place)
            if cue is None:
                break
            signed = signed or any(sign in cue[0] for sign in ":=@>~")
            cued, place = True, cue.end()
        token = _TOKEN.match(text, place if cued else _after_blanks(text, place))
        if token is None or (not cued and token.start() == platform.end()):
            continue
        name = token[0].rstrip(".-#_") or token[0]
        own = _OWN.search(text, max(0, platform.start() - 40), platform.start()) is not None
        if _is_account(name, signed, own, platform["clear"] is not None, text, token.start() + len(name)):
            yield token.start(), token.start() + len(name)


def _after_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t":
        place += 1
    return place


def _is_account(name: str, signed: bool, own: bool, clear: bool, text: str, end: int) -> bool:
    if len(name) < 3:
        return False
    if _looks_made(name):
        return True
    if name.casefold() in _plain_words():
        return False
    ends = _ENDS_CLAUSE.match(text, end) is not None
    return signed or (own and (ends or clear)) or (clear and ends and len(name) >= 4 and name == name.lower())


def _looks_made(name: str) -> bool:
    """Whether no plain word looks like it: a digit, an underscore, a dot between small letters."""
    return re.search(r"[\d_#]|[a-z]\.[a-z]", name) is not None and re.search(r"[a-z]", name, re.IGNORECASE) is not None


@lru_cache(maxsize=1)
def _plain_words() -> frozenset[str]:
    """Plain words that follow the name of a platform when no account is meant."""
    return frozenset(resources.files(__package__).joinpath("plain_words.txt").read_text("utf-8").split())
