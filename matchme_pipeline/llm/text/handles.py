"""Finds account names on other platforms, as members write them; pure."""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources

from matchme_pipeline.llm.text.folding import fold
from matchme_pipeline.llm.text.literals import may_hold

_SIGN = re.compile(r"(?<![\w@])@\w[\w.]{1,49}(?:@[\w.]{1,50})*")
_SIGN_APART = re.compile(r"(?<![\w@])@\s[a-z][\w.]{2,49}", re.IGNORECASE)
_CLOCK = re.compile(r"@\d{1,2}(?:[.:]\d\d)?(?:am|pm|h)?", re.IGNORECASE)
_DISCORD_TAG = re.compile(r"(?<![\w#])[a-z0-9][\w.]{1,31}\s?#\s?\d{4}(?!\d)", re.IGNORECASE)
# As in addresses: "u/name", "in/name".
_PATH = re.compile(r"(?<![\w/.])(?:u|in|user)/[a-z0-9][\w-]{3,49}", re.IGNORECASE)


def _folded(*names: str) -> str:
    """Patterns of names as a folded text has them, without vowel signs and with Latin lookalikes."""
    return "|".join(fold(name).text for name in names)


def _apart(*names: str) -> str:
    """Patterns of names with separated letters: "i n s t a"."""
    return "|".join(r"[\s._\-]{1,2}".join(name) for name in names)


# Unambiguous names; short or ordinary ones, which need a sign of an account; and those beside which only a name that is
# not a word counts.
_PLATFORM = re.compile(
    r"(?<![^\W_])(?:(?P<clear>(?:insta(?:gram|gr[ae]m)?|snap\s?chat|snap|tik\s?tok|telegram|whats\s?app|discord|skype|kik"
    r"|we\s?chat|weixin|viber|facebook|twitter|linkedin|bereal)(?:['’]?s|['’]?[iıuü]?m|['’]?[iıuü]|['’]?[dt][ae]n?)?"
    rf"|{_apart('insta', 'instagram', 'snap', 'snapchat', 'tiktok', 'telegram')}"
    r"|(?:[إاأ]نست[اغقجک]?(?:رام|جرام|غرام|قرام|كرام)?|سناب(?:\s?شات)?|تي?لي?[جغق]رام|وات\s?س(?:\s?[اآ]ب)?|تيك\s?توك"
    r"|فيس(?:\s?بوك)?|تويتر|ديسكورد)ي?|انسٹا(?:\s?گرام)?|سنیپ(?:\s?چیٹ)?|ٹیلی\s?گرام|واٹس?\s?(?:ایپ|اپ)|ٹک\s?ٹاک"
    r"|فیس\s?بک|ڈسکارڈ|ٹوئٹر"
    rf"|{_folded('इंस्टा', 'इंस्टाग्राम', 'स्नैप', 'स्नैपचैट', 'व्हाट्सएप', 'व्हाट्सऐप', 'वाट्सएप', 'टेलीग्राम', 'टिकटॉक', 'फेसबुक')}"
    rf"|{_folded('инста', 'инстаграм', 'телега', 'телеграм', 'ватсап', 'снап', 'тикток')})"
    r"|(?P<short>ig|i\.\s?g\.?|sc|tg|wa|fb|yt|signal|messenger|threads|youtube|insta\s?id)"
    r"|(?P<vague>my\s@|x|tt|tele|disc|(?:the\s)?gram|line|imo|pinterest|reddit|twitch|psn|xbox|steam|gamer\s?tag|handle|user\s?name"
    r"|user|screen\s?name|pseudo|nick|nickname|kullan[iı]c[iı]\s?ad[iı]m?|profile|account|الحساب|حسابي|يوزري?|اليوزر|معرفي?"
    r"|یوزر\s?نیم|آئی\s?ڈی))(?![^\W_])|(?P<picture>[\U0001f47b\U0001f4f8\U0001f4f7])",
    re.IGNORECASE,
)
# Every match of `_PLATFORM` in ASCII holds one of these, or begins as the short names and letters apart do.
_PLATFORM_WORDS = (
    *("insta", "snap", "tik", "telegram", "whats", "discord", "skype", "kik", "chat", "weixin", "viber", "facebook"),
    *("twitter", "linkedin", "bereal", "signal", "messenger", "threads", "youtube", "tele", "disc", "gram", "line"),
    *("pinterest", "reddit", "twitch", "xbox", "steam", "tag", "handle", "user", "screen", "pseudo", "nick", "kullan"),
    *("profile", "account"),
)
_SHORT_PLATFORM = re.compile(
    r"[iIsStTwWfFyYxXpPmM](?<![^\W_].)(?:(?:(?<=[iI])(?:[gG]|[mM][oO]|\.\s?[gG])|(?<=[sS])[cC]|(?<=[tT])[gGtT]"
    r"|(?<=[wW])[aA]|(?<=[fF])[bB]|(?<=[yY])[tT]|(?<=[xX])|(?<=[pP])[sS][nN]|(?<=[mM])[yY]\s@)(?![^\W_])"
    r"|(?<=[iIsStT])[\s._\-]{1,2}[nNiIeE][\s._\-]|(?<=[mM])[yY]\s@)"
)
# Digits and signs in the place of letters: "1nst4".
_DISGUISE = str.maketrans("13450$!", "ieasosi")
_CUE = re.compile(
    r"\s{0,20}(?:(?:id|handle|user\s?name|user|name|acc(?:ount)?|profile|gamer\s?tag|is|as|at|under|me|my|mine|it'?s|here"
    r"|called|im|i'?m|i\sam|hai|hoon|adresim|hesab[iı]m|ad[iı]m|saya|aku|c'?\s?est|est|es"
    r"|حسابي|حسابى|يوزري?|اسمي|معرفي|هو|على|ہے|میرا|میری|آئی\s?ڈی|پر|نام)(?![^\W_])"
    r"|[:=\u2013>~/-]{1,9}|@|[\u2190-\u21ff\u2794-\u27be\U0001f446-\U0001f449])\s{0,20}",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"[a-z0-9][\w.#-]{2,49}(?:\s(?:dot|underscore|nokta|point|punto|titik)\s[a-z0-9_]{1,30}){0,3}", re.IGNORECASE
)
_SPELT_DOT = re.compile(r"\s(?:dot|underscore|nokta|point|punto|titik)\s", re.IGNORECASE)
_SPACED_LETTERS = re.compile(r"(?:[a-z0-9][ .\-_]){3,24}[a-z0-9](?![^\W_])", re.IGNORECASE)
_OWN = re.compile(
    r"(?:\bmy|\bmon|\bmera|\badd\b|\bajoute|\bfind\b|\bfollow\b|\bdm\b|\bmessage\b|\btext\b|\bping\b|\breach\b|\bhit me"
    r"|\bme on|\bi'?m on|حسابي|ضيفني|تابعني|راسلني|میرا|میری|مجھے)[^.!?\n]{0,25}$",
    re.IGNORECASE,
)
_ENDS_CLAUSE = re.compile(
    r"\s{0,9}(?:$|[.,;:!?)\n\u060c\u061f\u06d4]|(?:and|or|if|for|x|&|hai|ہے|please|pls|thanks)(?![^\W_]))",
    re.IGNORECASE,
)
# Endings of words that describe a platform, in English and Turkish.
_LIKE_A_WORD = re.compile(
    r"(?:ing|ed|ly|ful|ous|less|able|ible|ive|ness|tion|ment|yorum|[ıiuü]yor|l[ae]r)$", re.IGNORECASE
)
# Not a plain word: an underscore, letters followed by digits, digits and dots.
_NO_WORD = re.compile(
    r"(?<![\w@.#/-])(?=[\w.]{0,49}[a-z])(?:[a-z0-9]{1,30}(?:_[a-z0-9]{0,20}){1,4}|[a-z]{3,20}(?:\.[a-z]{1,20}){0,3}\.?\d{1,6}"
    r"|[a-z]{1,20}\.[a-z]{1,20}\.[a-z0-9]{1,20})(?![\w@/])",
    re.IGNORECASE,
)
# Goods, dates and places of the Quran followed by a number.
_GOODS = re.compile(
    r"(?:iphone|ipad|galaxy|pixel|nokia|covid|ramadan|ramzan|ramadhan|eid|hajj|formula|area|gen|level|class|grade|room|year"
    r"|xbox|windows|android|ios|gpt|python|day|week|chapter|juz|surah|ayah|page|since|from|vol|world|cup|top|usb|covid)\d",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"([a-z0-9][\w.-]{2,49})\s{1,3}(?:on|via|auf|sur|على|پر|pe|di)\s{1,3}$", re.IGNORECASE)
# How far from a platform's name to look for an account's name.
_NEAR_BEFORE, _NEAR_AFTER = 30, 40
# "On snap I'm …", "I'm … on snap", "find me as … on snap", "… is my snap".
_INTRODUCES_NAME = re.compile(r"\b(?:i'?m|i\sam|as|under|called|named|search)\s{1,3}$", re.IGNORECASE)
_ON = re.compile(r"\b(?:on|auf|sur|pe)\s{1,3}$", re.IGNORECASE)
_IS_MY = re.compile(r"(?<![\w.-])([a-z][\w.-]{3,49})\s{1,3}(?:is|'s|hai)\s{1,3}my\s{1,3}$", re.IGNORECASE)


def handles(text: str) -> Iterator[tuple[int, int]]:
    """Spans of a folded text that are account names: with their sign, or beside a platform's name."""
    if "@" in text:
        yield from (match.span() for match in _SIGN.finditer(text) if not _CLOCK.fullmatch(match[0]))
        yield from (match.span() for match in _SIGN_APART.finditer(text) if not _is_plain(match[0][1:].strip()))
    if "#" in text:
        yield from (match.span() for match in _DISCORD_TAG.finditer(text))
    if "/" in text:
        yield from (match.span() for match in _PATH.finditer(text) if not _is_plain(match[0].partition("/")[2]))
    for platform in _platforms(text):
        if platform["vague"] is None and platform["picture"] is None:
            yield from _behind(text, platform)
        yield from _near(text, platform)


def _platforms(text: str) -> Iterator[re.Match[str]]:
    """The names of platforms in `text`, also disguised ones."""
    seen = set()
    disguised = text.translate(_DISGUISE)
    for read in (text, disguised) if disguised != text else (text,):
        for match in _PLATFORM.finditer(read) if _may_hold_platform(read) else ():
            if match.span() not in seen:
                seen.add(match.span())
                yield match


def _may_hold_platform(text: str) -> bool:
    return not text.isascii() or may_hold(text, _PLATFORM_WORDS) or _SHORT_PLATFORM.search(text) is not None


def _behind(text: str, platform: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The name after a platform's name, with or without words between."""
    place, signed, cued = platform.end(), False, False
    for _ in range(6):
        cue = _CUE.match(text, place)
        if cue is None:
            break
        signed = signed or not any(character.isalpha() for character in cue[0])
        cued, place = True, cue.end()
    own = _OWN.search(text, max(0, platform.start() - 40), platform.start()) is not None
    # "On snap I'm …".
    names_me = _INTRODUCES_NAME.search(text, platform.end(), place) is not None and _ON.search(
        text, max(0, platform.start() - 8), platform.start()
    )
    place = place if cued else _after_blanks(text, place)
    apart = _SPACED_LETTERS.match(text, place) if cued else None
    token = apart or _TOKEN.match(text, place)
    if token is None or (not cued and token.start() == platform.end()):
        return
    name = token[0].rstrip(".-#_") or token[0]
    end = token.start() + len(name)
    if (
        apart
        or _SPELT_DOT.search(name)
        or _is_account(name, signed, cued, own, platform["clear"] is not None, text, end)
        or (names_me and platform["clear"] is not None and _is_bare_account(name, text, end))
    ):
        yield token.start(), end


def _near(text: str, platform: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Names that are not words on either side of a platform's name, in the same line."""
    start = max(0, platform.start() - _NEAR_BEFORE)
    start = max(start, text.rfind("\n", start, platform.start()) + 1)
    end = text.find("\n", platform.end(), platform.end() + _NEAR_AFTER)
    end = platform.end() + _NEAR_AFTER if end < 0 else end
    # A name that only begins or ends within reach is checked as a whole.
    for match in _NO_WORD.finditer(text, max(0, start - 20), min(len(text), end + 20)):
        beside = match.end() <= platform.start() or match.start() >= platform.end()
        if beside and match.end() > start and match.start() < end and not _GOODS.match(match[0]):
            yield match.span()
    before = _BEFORE.search(text, max(0, platform.start() - 60), platform.start())
    if before is not None and (_looks_like_handle(before[1]) or _is_introduced(text, before, platform)):
        yield before.span(1)
    mine = _IS_MY.search(text, max(0, platform.start() - 70), platform.start())
    if mine is not None and platform["clear"] is not None and _is_bare_account(mine[1], text, platform.end()):
        yield mine.span(1)


def _is_introduced(text: str, name: re.Match[str], platform: re.Match[str]) -> bool:
    """Is a name before that of a platform introduced as an account's? "Find me as … on insta"."""
    said = _INTRODUCES_NAME.search(text, max(0, name.start() - 12), name.start()) is not None
    return said and platform["clear"] is not None and _is_bare_account(name[1], text, platform.end())


def _is_bare_account(name: str, text: str, end: int) -> bool:
    """Can a name of plain letters be an account's? In small letters, before a pause, and no word about people."""
    is_word = _is_plain(name) or _LIKE_A_WORD.search(name) is not None
    return len(name) >= 4 and name == name.lower() and not is_word and _ENDS_CLAUSE.match(text, end) is not None


def _after_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t":
        place += 1
    return place


def _is_account(name: str, signed: bool, cued: bool, own: bool, clear: bool, text: str, end: int) -> bool:
    if len(name) < 3 or name.isdigit() or _PLATFORM.fullmatch(name):
        return False
    if _looks_like_handle(name):
        return True
    if _is_plain(name) or (not own and not signed and _LIKE_A_WORD.search(name)):
        return False
    ends = _ENDS_CLAUSE.match(text, end) is not None
    bare = clear and ends and not cued and len(name) >= 4 and name == name.lower()
    return signed or bare or (own and (ends or clear))


def _looks_like_handle(name: str) -> bool:
    """Is it unlike a plain word? A digit, an underscore, a dot between small letters."""
    return re.search(r"[\d_#]|[a-z]\.[a-z]", name) is not None and re.search(r"[a-z]", name, re.IGNORECASE) is not None


def _is_plain(name: str) -> bool:
    return name.casefold().rstrip(".") in _plain_words()


@lru_cache(maxsize=1)
def _plain_words() -> frozenset[str]:
    """Plain words that follow a platform's name when no account is meant."""
    return frozenset(resources.files(__package__).joinpath("plain_words.txt").read_text("utf-8").split())
