"""The parts of each member's vector as of a cutoff: texts to embed, and their weights."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from matchme_pipeline.content.canonical import canonical_text, hash_of_canonical
from matchme_pipeline.content.claims import insight_text
from matchme_pipeline.embeddings.member_vector import (
    ANSWERS_WEIGHT,
    BIO_WEIGHT,
    Part,
    insight_weight,
    item_weight,
)
from matchme_pipeline.embeddings.queries import ItemOfMember


class MemberParts:
    """Collects the inputs of every member's vector, and the texts of those that are not content items.

    `authors` are the members who wrote each text; `unembedded` holds hashes of items without a vector.
    """

    def __init__(self, cutoff: datetime) -> None:
        """All weights are as of `cutoff`."""
        self._cutoff = cutoff
        self.texts: dict[str, str] = {}
        self.authors: dict[str, set[str]] = defaultdict(set)
        self.unembedded: set[str] = set()
        self._parts: dict[str, list[Part]] = defaultdict(list)

    def add_items(self, items: Iterable[ItemOfMember]) -> None:
        """Add posts and voice introductions; items without a hash have no usable text."""
        for item in items:
            if item.content_hash is not None:
                weight = item_weight(item.shared_at, item.depth_level, self._cutoff)
                self._parts[item.user_id].append(Part(item.content_hash, weight, "items"))
                if not item.has_vector:
                    self.unembedded.add(item.content_hash)

    def add_biographies(self, rows: Iterable[tuple[str, str | None]]) -> None:
        """Add the members' biographies."""
        for user_id, bio in rows:
            self._add_text(user_id, bio, BIO_WEIGHT, "bio")

    def add_answers(self, rows: Iterable[tuple[str, str, Any]]) -> None:
        """Questionnaire answers, one text a member."""
        by_member: dict[str, list[str]] = defaultdict(list)
        for user_id, question, answer in rows:
            said = spoken_answer(answer)
            if said:
                by_member[user_id].append(f"{question} {said}.")
        for user_id, sentences in by_member.items():
            self._add_text(user_id, " ".join(sentences), ANSWERS_WEIGHT, "answers")

    def add_insights(self, rows: Iterable[tuple[str, str, str, datetime]]) -> None:
        """Approved insights."""
        for user_id, title, description, reviewed_at in rows:
            weight = insight_weight(reviewed_at, self._cutoff)
            self._add_text(user_id, insight_text(title, description), weight, "insights")

    def of_members(self, without: Collection[str] = ()) -> dict[str, list[Part]]:
        """Each member's inputs in a fixed order, without the hashes in `without`; members with none left are absent."""
        left_out = set(without)
        own = {
            user_id: sorted(part for part in parts if part.content_hash not in left_out)
            for user_id, parts in sorted(self._parts.items())
        }
        return {user_id: parts for user_id, parts in own.items() if parts}

    def _add_text(self, user_id: str, raw: str | None, weight: float, source: str) -> None:
        text = canonical_text(raw)
        digest = hash_of_canonical(text)
        if digest is not None:
            self.texts[digest] = text
            self.authors[digest].add(user_id)
            self._parts[user_id].append(Part(digest, weight, source))


def spoken_answer(answer: Any) -> str:
    """An answer's JSON as words: text and numbers unchanged, choices joined; empty for other values."""
    if isinstance(answer, str | int | float) and not isinstance(answer, bool):
        return str(answer)
    if isinstance(answer, Sequence):
        return ", ".join(str(choice) for choice in answer)
    if isinstance(answer, dict):
        return json.dumps(answer, ensure_ascii=False, sort_keys=True)
    return ""
