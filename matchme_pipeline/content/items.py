"""Content items and their duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from matchme_pipeline.content.canonical import canonical_text, hash_of_canonical

POST = "post"
VOICE = "voice_introduction"


@dataclass(frozen=True)
class RawItem:
    """One content item as stored by the app; `text` is a caption or a transcription."""

    item_type: str
    item_id: UUID
    user_id: str
    shared_at: datetime
    text: str | None
    categories: tuple[str, ...] = ()
    depth_level: int = 1


@dataclass(frozen=True)
class HashedItem:
    """A content item with its hash (None: nothing to analyse) and the earliest item with the same text."""

    raw: RawItem
    content_hash: str | None
    characters: int
    duplicate_of: UUID | None = None

    @property
    def status(self) -> str:
        """`ready` to be analysed, or `skipped` because it is empty."""
        return "ready" if self.content_hash else "skipped"


def hash_items(items: Sequence[RawItem], first_with_hash: dict[str, UUID]) -> list[HashedItem]:
    """Hash `items` and mark duplicates, ordered by time and id.

    `first_with_hash` holds the earliest item of each hash from before; items that share a hash point to the earliest.
    """
    first = dict(first_with_hash)
    hashed = []
    for item in sorted(items, key=lambda item: (item.shared_at, item.item_id)):
        text = canonical_text(item.text)
        digest = hash_of_canonical(text)
        original = first.setdefault(digest, item.item_id) if digest else item.item_id
        hashed.append(HashedItem(item, digest, len(text), None if original == item.item_id else original))
    return hashed
