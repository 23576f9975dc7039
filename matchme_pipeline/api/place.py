"""A member's place, as far as others may see it."""

from typing import NamedTuple


class Place(NamedTuple):
    """A city and its centre in degrees; None if unknown."""

    city_key: str | None = None
    lat: float | None = None
    lng: float | None = None
