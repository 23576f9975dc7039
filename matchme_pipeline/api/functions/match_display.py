"""The text of a match screen about the other member, within that member's privacy settings. Pure rules."""

from datetime import date
from math import asin, cos, radians, sin, sqrt
from typing import Any

from matchme_pipeline.api.place import Place
from matchme_pipeline.database.stored_values import json_object, json_texts
from matchme_pipeline.matching.rules.explanation import is_in_favour
from matchme_pipeline.matching.rules.member_records import EARTH_RADIUS_KM
from matchme_pipeline.matching.stored_factors import stored_factors

# The minimum score of each word, highest first.
STRENGTHS = ((70.0, "Strong"), (50.0, "Moderate"), (0.0, "Building"))
MAX_REASONS = 3
# Distances are rounded to steps of this many kilometres.
STEP_KILOMETRES = 10
FAR_KILOMETRES = 500
# Names in the app's privacy settings that hide something if their value is false.
_HIDDEN_BY: dict[str, tuple[str, ...]] = {
    "age": ("show_age", "showAge"),
    "city": ("show_city", "showCity", "show_location", "showLocation"),
    "distance": ("show_distance", "showDistance", "show_city", "showCity", "show_location", "showLocation"),
    "photo": ("show_photo", "showPhoto", "show_photos", "showPhotos"),
}


def may_see(what: str, visibility: str, privacy: Any) -> bool:
    """May a match see the member's `age`, `city`, `distance` or `photo`?

    Private profiles show only the first name; others show everything that their privacy settings do not hide.
    """
    settings = json_object(privacy)
    return visibility != "private" and not any(settings.get(name) is False for name in _HIDDEN_BY[what])


def strength(score: float) -> str:
    """The word for a score of 0 to 100."""
    return next(word for least, word in STRENGTHS if score >= least)


def age_on(birthdate: date | None, today: date) -> int | None:
    """Whole years; None for an unknown or impossible birthdate."""
    if birthdate is None:
        return None
    years = today.year - birthdate.year - ((today.month, today.day) < (birthdate.month, birthdate.day))
    return years if 18 <= years <= 120 else None


def distance_in_words(own: Place, theirs: Place) -> str | None:
    """The distance between two cities in words; None if one is unknown.

    Cities instead of members, because exact distances to three places would reveal a member's home.
    """
    if own.city_key is None or theirs.city_key is None:
        return None
    if own.city_key == theirs.city_key:
        return "In your city"
    if own.lat is None or own.lng is None or theirs.lat is None or theirs.lng is None:
        return "In another city"
    kilometres = _kilometres(own.lat, own.lng, theirs.lat, theirs.lng)
    if kilometres >= FAR_KILOMETRES:
        return f"More than {FAR_KILOMETRES} km away"
    return f"About {max(1, round(kilometres / STEP_KILOMETRES)) * STEP_KILOMETRES} km away"


def reasons(factors: Any) -> list[str]:
    """The sentences of the factors that speak for the pair, three at most, the largest contribution first."""
    speaking = [one.sentence for one in stored_factors(factors) if is_in_favour(one.name, one.value)]
    return speaking[:MAX_REASONS]


def starters(preview: Any) -> dict[str, list[str]]:
    """The starters of both levels; starters of an earlier batch are level 1."""
    found = json_object(preview)
    light, deep = json_texts(found.get("level_1")), json_texts(found.get("level_2"))
    return {"level1": light or ([] if deep else json_texts(found.get("starters"))), "level2": deep}


def photo(url: str | None) -> str | None:
    """The photo's address if it is a valid one."""
    return url if url and url.startswith(("https://", "http://")) else None


def _kilometres(lat: float, lng: float, other_lat: float, other_lng: float) -> float:
    """Great-circle kilometres by the haversine formula (Sinnott 1984)."""
    half_lat, half_lng = radians(other_lat - lat) / 2, radians(other_lng - lng) / 2
    chord = sin(half_lat) ** 2 + cos(radians(lat)) * cos(radians(other_lat)) * sin(half_lng) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, chord)))
