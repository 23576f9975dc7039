"""Places and origins of seeded members: cities, assignments, cultural profiles and backgrounds."""

from datetime import datetime, timedelta

import numpy as np

from matchme_pipeline.population.ids import row_id
from matchme_pipeline.population.people import CITIES, Member, Row
from matchme_pipeline.population.random_draws import happens, one, whole
from matchme_pipeline.population.vocabulary import vocabulary

_DETECTED_SHARE = 0.8


def city_clusters(start: datetime) -> list[Row]:
    """The app's cities."""
    since = start - timedelta(days=600)
    return [
        {
            "city_key": city.key,
            "city_name": city.name,
            "region": city.region,
            "timezone": city.timezone,
            "created_at": since,
            "updated_at": since,
        }
        for city in CITIES
    ]


def city_assignments(rng: np.random.Generator, member: Member, seed: int) -> list[Row]:
    """The member's detected city; a few members moved there from another one."""
    if member.city is None:
        return []
    keys = [member.city.key]
    if happens(rng, 0.05):
        keys.insert(0, one(rng, [city.key for city in CITIES if city is not member.city]))
    return [
        {
            "id": row_id(seed, "city", member.index, number),
            "clerk_user_id": member.user_id,
            "city_key": key,
            "assignment_method": one(rng, ("auto", "auto", "manual", "ip")),
            "detected_location": _detected(rng, member, key),
            "is_current": number == len(keys) - 1,
            "created_at": member.joined_at + timedelta(minutes=number),
        }
        for number, key in enumerate(keys)
    ]


def _detected(rng: np.random.Generator, member: Member, key: str) -> Row | None:
    """The detected location; None if the member chose a city by hand or denied access."""
    if not happens(rng, _DETECTED_SHARE):
        return None
    if member.city is not None and key == member.city.key:
        return {"lat": member.profile["lat"], "lng": member.profile["lng"]}
    city = next(city for city in CITIES if city.key == key)
    return {"lat": city.lat, "lng": city.lng}


def cultural_profile(rng: np.random.Generator, member: Member, seed: int) -> Row | None:
    """The importance of the member's origin; None for members who skipped the question."""
    if not happens(rng, 0.92):
        return None
    value = whole(rng, 1, 10)
    return {
        "id": row_id(seed, "culture", member.index),
        "clerk_user_id": member.user_id,
        "primary_background": member.culture,
        "strength": "weak" if value <= 3 else "moderate" if value <= 7 else "strong",
        "strength_value": value,
        "created_at": member.joined_at,
        "updated_at": member.joined_at,
    }


def cultural_backgrounds(rng: np.random.Generator, member: Member, seed: int) -> list[Row]:
    """The member's backgrounds, primary first; one member in eight has two."""
    kinds = [member.culture]
    if happens(rng, 0.12):
        kinds.append(one(rng, [name for name in vocabulary().people["cultures"] if name != member.culture]))
    return [
        {
            "id": row_id(seed, "background", member.index, kind),
            "clerk_user_id": member.user_id,
            "background_type": kind,
            "is_primary": number == 0,
            "created_at": member.joined_at,
        }
        for number, kind in enumerate(kinds)
    ]
