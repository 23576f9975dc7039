"""Ids of the seeded population: derived from the seed and a name, so that the same seed gives the same ids."""

import uuid

_NAMESPACE = uuid.UUID("6f1d3a52-8f0e-4a7e-9a53-5b4f6c6f7d10")


def row_id(seed: int, *parts: object) -> uuid.UUID:
    """The id of the row named by `parts`, such as ("post", member's index, number)."""
    return uuid.uuid5(_NAMESPACE, "/".join(map(str, (seed, *parts))))


def user_id(seed: int, index: int) -> str:
    """A member's id, in Clerk's look."""
    return f"user_2{row_id(seed, 'member', index).hex[:26]}"
