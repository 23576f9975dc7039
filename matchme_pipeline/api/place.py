"""Where a member lives, as far as others may know."""

from typing import NamedTuple


class Place(NamedTuple):
    """A city and its centre in degrees; what is not known is None."""

    city_key: str | None = None
    lat: float | None = None
    lng: float | None = None
