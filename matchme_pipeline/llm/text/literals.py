"""Quick look for words in a text, apart from case: a rule's expensive patterns run only where they can match; pure."""

from collections.abc import Collection

# Letters that match an ASCII letter when case is ignored, and whose small letter is another.
FOLDED_TO_ASCII = frozenset("\u017f\u212a\u0130\u0131")


def may_hold(text: str, words: Collection[str]) -> bool:
    """Can a pattern that ignores case and needs one of `words` (in small letters) match in `text`?"""
    return any(map(text.lower().__contains__, words)) or not FOLDED_TO_ASCII.isdisjoint(text)
