"""Restricts a model's text to plain text in one line, and starters to questions; pure."""

import html
import re
import unicodedata
from functools import lru_cache

from matchme_pipeline.llm.text.folding import is_invisible

_TAG = re.compile(r"<[a-zA-Z/!?][^<>]{0,2000}>")
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]{0,300})\]\([^()\s]{0,2000}\)")
_EMPHASIS = re.compile(r"(?<![\w*])[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}(?![\w*])|`+|^#{1,6}\s", re.MULTILINE)
_SCRIPT = re.compile(
    r"(?:java|vb|live)\s*script\s*:|data\s*:\s*\w+/|on\w{3,20}\s*=\s*[\"'(\w]|&#|\\u[0-9a-f]{4}|\{\{|\$\{", re.I
)
_MAX_PASSES = 4
# Markup needs one of these: a tag, an entity, a link, emphasis, code, a heading.
_MARKUP_SIGNS = frozenset("<&[*_`#")
_SELECTORS = re.compile("[\ufe00-\ufe0f]")
# A question mark of any script that members write.
_QUESTION = "?\u061f\uff1f"
_SENTENCE_END = re.compile(r"[.!\u06d4\u3002]+(?:\s|$)")
# Third persons instead of the reader, and topics that are unsuitable between strangers.
_CLAIM = re.compile(
    r"\b(?:they|he|she|your match|this person)\b[^?]{0,80}"
    r"\b(?:told|tells|said|says|admitted|admits|confessed|mentioned|hides?|hiding|secretly|lied|lies)\b"
    r"|\b(?:secretly|confidential(?:ly)?|between us|don'?t tell)\b"
    r"|\bdid you (?:know|hear)\b|\bis it true\b|\bi (?:know|heard|saw|read) (?:that|about)\b"
    r"|\b(?:they|he|she)(?:['\u2019](?:re|s|ve|d)| are| is| was| were| has| have| had)\b"
    r"|\byou(?:['\u2019]re| are) (?:clearly|obviously|so|too|very|really|such)\b",
    re.IGNORECASE,
)
_NOT_FOR_STRANGERS = re.compile(
    r"\b(?:divorce\w*|debts?|bankrupt\w*|pregnan\w*|abortion|miscarriage|infertil\w*|hiv|std|cancer|depress\w*|suicid\w*"
    r"|bipolar|psychiat\w*|addict(?:ed|ion)|alcoholic|jail|prison|arrest\w*|convict\w*|criminal|affair|cheat\w*|abus\w*"
    r"|virgin\w*|sexual\w*|sex|naked|nudes?|salary|income|visa|deport\w*|asylum|ex-?(?:wife|husband)|overweight|ugly)\b",
    re.IGNORECASE,
)


# Titles and starters are read, checked and shown, and a starter of a template goes to many pairs.
@lru_cache(maxsize=16_384)
def plain(text: str) -> str:
    """One line of plain text: no markup, no control, format or tag characters, no lone surrogates."""
    if not _MARKUP_SIGNS.isdisjoint(text):
        text = _without_markup(text)
    # Fast path: nearly every text shows all its characters, and one look at the whole text is faster than one at each.
    if not text.isprintable() or _SELECTORS.search(text):
        text = "".join(
            " " if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") else character
            for character in text
            if not is_invisible(character)
        )
    return " ".join(text.split())


def _without_markup(text: str) -> str:
    for _ in range(_MAX_PASSES):
        bare = _EMPHASIS.sub("", _MARKDOWN_LINK.sub(r"\1", _TAG.sub(" ", html.unescape(text))))
        if bare == text:
            break
        text = bare
    return text


def is_plain(text: str) -> bool:
    """Is `text` free of anything that a browser could run or hide?"""
    return plain(text) == text and _SCRIPT.search(text) is None and _TAG.search(text) is None


def asks_the_other(starter: str) -> bool:
    """Whether a starter is one question to the other, and no claim about either of the two."""
    bare = starter.rstrip(" \"'\u201d\u00bb)")
    if not bare or bare[-1] not in _QUESTION or _SENTENCE_END.search(bare[:-1]):
        return False
    return claims_nothing(bare)


@lru_cache(maxsize=16_384)
def claims_nothing(starter: str) -> bool:
    """Does a starter state nothing about the two members and avoid topics that are unsuitable between strangers?"""
    return _CLAIM.search(starter) is None and _NOT_FOR_STRANGERS.search(starter) is None
