"""Finds a member's own names in their texts, in the spellings that people use; pure."""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from importlib import resources

from matchme_pipeline.llm.text.folding import fold, plain_letters
from matchme_pipeline.llm.text.literals import FOLDED_TO_ASCII

# The masks.
MASKS = ("[email]", "[link]", "[handle]", "[phone]", "[name]")
_MAX_NAME_CHARACTERS, _MAX_PARTS = 120, 12
_DIVIDES = re.compile(r"[\s\-_.,/|()\"]+")
_LETTER = r"[^\W\d_]"
# Characters that the patterns allow within a name.
_WITHIN_NAMES = str.maketrans("", "", " .-_*'")
# Scripts without spaces between words.
_UNSPACED = re.compile(
    "[\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)
_ARABIC = re.compile("[\u0600-\u06ff]+")
# In Arabic "and", "to", "with" and similar words are joined to the next word.
_ARABIC_PREFIX = "(?:[وفبلك]{1,2}|وال|ال)?"


def named(text: str, names: Collection[str]) -> Iterator[tuple[int, int]]:
    """Spans of a folded text in which one of `names` is a separate word, in any case, with any accents and joins.

    A name that is also an ordinary word ("iman", "hope") counts only with a capital letter.
    """
    if not names:
        return
    plain = plain_letters(text)
    for pattern, needs_capital in _patterns(_sought(plain, names)):
        for match in pattern.finditer(plain):
            start, end = match.span()
            is_mask = plain[max(0, start - 1) : end + 1] in MASKS
            if not is_mask and (not needs_capital or match[0][:1].isupper()):
                yield start, end


def _sought(plain: str, names: Collection[str]) -> tuple[str, ...]:
    """Those of `names` that a pattern can find: each needs a naming word, apart from characters between its letters.

    Most members do not write their names, and compiling the patterns takes longer than masking all their texts; a text
    that thousands of members share has thousands of names.
    """
    known = sorted({name[:_MAX_NAME_CHARACTERS] for name in names})
    if not FOLDED_TO_ASCII.isdisjoint(plain):
        return tuple(known)
    close = plain.lower().translate(_WITHIN_NAMES)
    return tuple(
        name for name in known if (words := _sought_words(name)) is None or any(map(close.__contains__, words))
    )


@lru_cache(maxsize=65_536)
def _sought_words(name: str) -> tuple[str, ...] | None:
    """The naming words without the characters allowed between letters; None if one is not ASCII."""
    words = {word.translate(_WITHIN_NAMES) for word in _naming(_parts(name))}
    return tuple(sorted(words)) if all(word.isascii() for word in words) else None


@lru_cache(maxsize=4_096)
def _patterns(names: tuple[str, ...]) -> tuple[tuple[re.Pattern[str], bool], ...]:
    """The pattern that finds the names, and whether a match needs a capital letter."""
    full_names = [parts for name in names if (parts := _parts(name))]
    alone = sorted({part for parts in full_names for part in _naming(parts)})
    # Written as one word: "khanmalik", and both names of a member in either order.
    joins = {"".join(parts) for parts in full_names if len(parts) > 1}
    joins |= {"".join(one + other) for one in full_names for other in full_names if one != other}
    joins |= {one + other for one in alone[:_MAX_PARTS] for other in alone[:_MAX_PARTS] if one != other}
    joined = sorted(join for join in joins if len(join) >= 5)
    sure = [part for part in alone if not _is_word_too(part)]
    found = [(_any_of([_spelt(one) for one in [*joined, *sure]]), False)] if joined or sure else []
    if words := [part for part in alone if _is_word_too(part)]:
        found.append((_any_of([_spelt(one) for one in words]), True))
    if long := [part for part in sure if len(part) >= 4 and part.isascii() and part.isalpha()]:
        found.append((_any_of([_word(r"[ .\-_*]".join(one)) for one in long]), False))
        capitals = "|".join(part.capitalize() for part in long)
        # Between other words without a space: "IamSarah", "#SarahSays".
        found.append((re.compile(rf"(?<=[a-z])(?:{capitals})(?![a-z])|(?<![A-Za-z])(?:{capitals})(?=[A-Z])"), False))
    return tuple(found)


def _any_of(spellings: Collection[str]) -> re.Pattern[str]:
    return re.compile("|".join(spellings), re.IGNORECASE)


def _spelt(part: str) -> str:
    """A pattern for one word of a name."""
    if _UNSPACED.match(part):
        return re.escape(part)
    if _ARABIC.fullmatch(part):
        return _word((_ARABIC_PREFIX if len(part) >= 3 else "") + part)
    # People often omit an apostrophe inside a name; "the Khans" counts as well.
    return _word("'?".join(map(re.escape, part.split("'"))) + ("s?" if len(part) >= 4 else ""))


def _word(pattern: str) -> str:
    return f"(?<!{_LETTER}){pattern}(?!{_LETTER})"


def _parts(name: str) -> list[str]:
    """The words of a name in small letters, without single letters."""
    words = (word.strip("'") for word in _DIVIDES.split(plain_letters(fold(name).text).lower()))
    return [word for word in words if len(word) >= 2 and any(letter.isalpha() for letter in word)][:_MAX_PARTS]


def _naming(parts: list[str]) -> list[str]:
    """The identifying words of a name: particles only if there is nothing else."""
    return [part for part in parts if part not in _particles()] or parts


def _is_word_too(part: str) -> bool:
    return part in _words_too() or part in _particles()


@lru_cache(maxsize=1)
def _words_too() -> frozenset[str]:
    """Names that are also ordinary words."""
    return _words_of("names_that_are_words.txt")


@lru_cache(maxsize=1)
def _particles() -> frozenset[str]:
    """Parts of names that do not identify a person."""
    return _words_of("name_particles.txt")


def _words_of(file: str) -> frozenset[str]:
    return frozenset(resources.files(__package__).joinpath(file).read_text("utf-8").split())
