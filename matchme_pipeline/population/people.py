"""Attributes of seeded members: correlated, with realistic gaps and oddities."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from matchme_pipeline.population.ids import row_id, user_id
from matchme_pipeline.population.latent import Latent, draw
from matchme_pipeline.population.random_draws import between, happens, one, weighted, whole
from matchme_pipeline.population.vocabulary import vary, vocabulary

Row = dict[str, Any]


@dataclass(frozen=True)
class City:
    """One of the app's cities, and its share of the members."""

    key: str
    name: str
    lat: float
    lng: float
    region: str
    timezone: str
    share: float


# Three are in one country, within a drive of each other: 163 to 262 km.
CITIES = (
    City("london", "London", 51.5074, -0.1278, "uk", "Europe/London", 0.36),
    City("birmingham", "Birmingham", 52.4862, -1.8904, "uk", "Europe/London", 0.22),
    City("manchester", "Manchester", 53.4808, -2.2426, "uk", "Europe/London", 0.20),
    City("toronto", "Toronto", 43.6532, -79.3832, "north_america", "America/Toronto", 0.11),
    City("new_york", "New York", 40.7128, -74.0060, "north_america", "America/New_York", 0.07),
    City("dubai", "Dubai", 25.2048, 55.2708, "gulf", "Asia/Dubai", 0.04),
)
PRAYER = ("five_daily", "most", "some", "jummah", "learning")
EDUCATION = ("high_school", "trade", "bachelor", "master", "doctorate")
_PRACTICE = ("very_practicing", "practicing", "moderate", "moderate", "learning")
_PRAYER_OF_THE_DEVOUT = dict(zip(PRAYER, (0.60, 0.25, 0.10, 0.03, 0.02), strict=True))
_PRAYER_OF_THE_REST = dict(zip(PRAYER, (0.25, 0.27, 0.25, 0.15, 0.08), strict=True))
_EDUCATION_SHARES = dict(zip(EDUCATION, (0.14, 0.12, 0.42, 0.26, 0.06), strict=True))
_SECTS = {"sunni": 0.84, "shia": 0.12, "ahmadiyya": 0.02, "other": 0.02}
_VISIBILITY = {"members": 0.75, "public": 0.20, "hidden": 0.025, "private": 0.025}
_TIERS = {"free": 0.70, "gold": 0.20, "gold_plus": 0.08, "premium": 0.02}
# Columns of `profiles` that no screen and no function of the app writes.
_NEVER_FILLED = ("last_active_at", "lat", "lng", "education_level", "marital_status", "has_children", "children_count")
_IMPORTED_EVERY = 7
_LATE_SHARE = 0.12
_SPORTS = frozenset({"fitness", "football", "hiking", "cycling"})


@dataclass(frozen=True)
class Member:
    """One seeded member: latent variables, the inputs of other rows, and the profile."""

    user_id: str
    index: int
    latent: Latent
    joined_at: datetime
    # Posts per week relative to the average member.
    activity: float
    # The probability that the member reviews an offered insight.
    reviews: float
    age: float
    sect: str
    prayer: str
    culture: str
    city: City | None
    profile: Row

    @property
    def gender(self) -> str:
        """`male` or `female`."""
        return str(self.profile["gender"])

    @property
    def leaves_at(self) -> datetime | None:
        """When the member deleted themselves."""
        left: datetime | None = self.profile["deleted_at"]
        return left


def member(rng: np.random.Generator, seed: int, index: int, start: datetime, end: datetime) -> Member:
    """Draw one member of a population whose first week begins at `start` and whose last ends at `end`."""
    latent = draw(rng, vocabulary().circles)
    age = float(np.clip(20 + rng.standard_gamma(3.0) * 4.2, 20, 60.9))
    joined = between(rng, start, end) if happens(rng, _LATE_SHARE) else between(rng, *_before(start))
    city = weighted(rng, {city: city.share for city in CITIES}) if happens(rng, 0.98) else None
    culture = weighted(rng, {name: entry["share"] for name, entry in vocabulary().people["cultures"].items()})
    prayer = weighted(rng, _PRAYER_OF_THE_DEVOUT if "prayer" in latent.values else _PRAYER_OF_THE_REST)
    sect = weighted(rng, _SECTS)
    profile: Row = {"id": row_id(seed, "profile", index), "clerk_user_id": user_id(seed, index)}
    for part in (
        _person(rng, index, age, culture, end),
        _words(rng, latent),
        _place(rng, city, culture),
        _faith(rng, index, sect, prayer),
        _home(rng, age),
        _work(rng),
        _body(rng, index, latent),
        _account(rng, joined, start, end),
    ):
        profile |= part
    return Member(
        user_id=profile["clerk_user_id"],
        index=index,
        latent=latent,
        joined_at=joined,
        activity=float(rng.standard_gamma(1.6) / 1.6) if happens(rng, 0.96) else 0.0,
        reviews=float(rng.beta(5, 2)),
        age=age,
        sect=sect,
        prayer=prayer,
        culture=culture,
        city=city,
        profile=profile,
    )


def as_stored(one: Member) -> Row:
    """The member's row of `profiles` as the app fills it: columns without a screen mostly stay empty.

    One member in seven came from an import and has more columns. Nobody has the onboarding flag, which nothing writes.
    """
    row = {**one.profile, "onboarding_completed": False}
    if one.index % _IMPORTED_EVERY != _IMPORTED_EVERY - 1:
        row |= dict.fromkeys(_NEVER_FILLED)
    return row


def _before(start: datetime) -> tuple[datetime, datetime]:
    return start - timedelta(days=400), start - timedelta(days=5)


def _person(rng: np.random.Generator, index: int, age: float, culture: str, end: datetime) -> Row:
    gender = "male" if index % 2 == 0 else "female"
    names = vocabulary().people["cultures"][culture]
    return {
        "first_name": one(rng, names[gender]),
        "last_name": one(rng, names["surnames"]) if happens(rng, 0.97) else None,
        "birthdate": _birthdate(rng, age, end),
        "gender": gender,
        "gender_preference": ["female" if gender == "male" else "male"] if happens(rng, 0.99) else None,
    }


def _birthdate(rng: np.random.Generator, age: float, end: datetime) -> date | None:
    kind = rng.random()
    if kind < 0.004:
        return None
    if kind < 0.006:
        return (end - timedelta(days=17 * 365)).date()
    return (end - timedelta(days=age * 365.25)).date()


def _words(rng: np.random.Generator, latent: Latent) -> Row:
    hobbies = [vocabulary().themes["interests"][name].label for name in latent.interests if happens(rng, 0.7)]
    return {"bio": _bio(rng, latent), "hobbies": hobbies if hobbies or happens(rng, 0.5) else None}


def _bio(rng: np.random.Generator, latent: Latent) -> str | None:
    kind = rng.random()
    if kind < 0.08:
        return None
    if kind < 0.12:
        return ""
    if kind < 0.20:
        return str(one(rng, vocabulary().people["short_bios"]))
    sentences = [
        vary(rng, one(rng, vocabulary().themes[kind_of][weighted(rng, weights)].sentences))
        for kind_of, weights in _subjects(latent, long=kind > 0.85)
    ]
    return " ".join(dict.fromkeys(sentences))


def _subjects(latent: Latent, *, long: bool) -> list[tuple[str, Mapping[str, float]]]:
    brief: list[tuple[str, Mapping[str, float]]] = [("interests", latent.interests), ("family", latent.family)]
    return brief + [("values", latent.values), ("personality", latent.personality)] * 4 if long else brief


def _place(rng: np.random.Generator, city: City | None, culture: str) -> Row:
    names = vocabulary().people["cultures"][culture]
    return {
        "location": city.name if city else None,
        "lat": round(city.lat + float(rng.normal(0, 0.08)), 6) if city else None,
        "lng": round(city.lng + float(rng.normal(0, 0.12)), 6) if city else None,
        "languages": one(rng, names["languages"]) if happens(rng, 0.95) else [],
        "ethnicity": one(rng, names["ethnicities"]) if happens(rng, 0.8) else None,
        "cultural_traditions": one(rng, names["traditions"]) if happens(rng, 0.7) else None,
        "hometown": one(rng, names["hometowns"]) if happens(rng, 0.7) else None,
        "dietary_preferences": names["diet"][: whole(rng, 1, 2)] if happens(rng, 0.8) else [],
    }


def _faith(rng: np.random.Generator, index: int, sect: str, prayer: str) -> Row:
    level = PRAYER.index(prayer)
    covers = index % 2 == 1 and happens(rng, (0.8, 0.6, 0.4, 0.25, 0.2)[level])
    return {"religion": _religion(rng, sect, level), "tags": ["hijab"] if covers else []}


def _religion(rng: np.random.Generator, sect: str, level: int) -> Any:
    whole_answer = {
        "sect": sect,
        "practiceLevel": _PRACTICE[level],
        "halalPreference": "always" if level == 0 else one(rng, ("always", "mostly", "flexible")),
    }
    odd = rng.random()
    if odd < 0.02:
        return one(rng, ("sunni, practising", ["sunni"], {"Sect": "Sunni", "practice": 4}, {}, 7))
    if odd < 0.06:
        return None
    if odd < 0.12:
        return {"sect": sect}
    return whole_answer


def _home(rng: np.random.Generator, age: float) -> Row:
    marital = "never_married"
    if happens(rng, min(0.6, max(0.03, (age - 24) / 45))):
        marital = "widowed" if happens(rng, 0.12) else "divorced"
    children = int(rng.poisson(1.2)) if marital != "never_married" else 0
    says = happens(rng, 0.96)
    return {
        "marital_status": marital if happens(rng, 0.97) else None,
        "has_children": children > 0 if says else None,
        "children_count": children if says else None,
        "wants_children": happens(rng, 0.85 if age < 40 else 0.4) if happens(rng, 0.9) else None,
        "family_structure": one(rng, ("nuclear", "extended", "other")) if happens(rng, 0.75) else None,
        "parents_marital_status": one(rng, ("together",) * 5 + ("separated", "deceased")),
        "number_of_siblings": int(rng.poisson(2.2)) if happens(rng, 0.85) else None,
        "family_values": one(rng, ("traditional", "balanced", "balanced", "modern")) if happens(rng, 0.8) else None,
        "pets": happens(rng, 0.2) if happens(rng, 0.6) else None,
    }


def _work(rng: np.random.Generator) -> Row:
    people = vocabulary().people
    education = weighted(rng, _EDUCATION_SHARES)
    level = EDUCATION.index(education)
    occupation, industry = one(rng, people["jobs"][education])
    return {
        "education_level": one(rng, people["education"][education] if happens(rng, 0.94) else people["odd_education"]),
        "occupation": one(rng, (occupation, occupation, occupation.lower())) if happens(rng, 0.92) else None,
        "industry": industry if happens(rng, 0.85) else None,
        "annual_income_range": people["income"][min(4, level // 2 + whole(rng, 0, 2))] if happens(rng, 0.65) else None,
    }


def _body(rng: np.random.Generator, index: int, latent: Latent) -> Row:
    sporty = not _SPORTS.isdisjoint(latent.interests)
    exercise = one(rng, ("daily", "regular") if sporty else ("regular", "sometimes", "never"))
    return {
        "smoking": one(rng, ("never",) * 8 + ("previously", "current")) if happens(rng, 0.9) else None,
        "exercise_frequency": exercise if happens(rng, 0.85) else None,
        "height": round(float(rng.normal(176 if index % 2 == 0 else 163, 7)), 1) if happens(rng, 0.8) else None,
        "build": one(rng, ("slim", "average", "athletic", "full")) if happens(rng, 0.7) else None,
    }


def _account(rng: np.random.Generator, joined: datetime, start: datetime, end: datetime) -> Row:
    deleted = between(rng, max(joined, start), end) if happens(rng, 0.02) else None
    away = timedelta(days=float(rng.exponential(4) if happens(rng, 0.94) else rng.uniform(60, 200)))
    return {
        "photos": [f"photo-{n}.jpg" for n in range(whole(rng, 0, 4))],
        "profile_visibility": weighted(rng, _VISIBILITY),
        "is_matchable": happens(rng, 0.97),
        "is_verified": happens(rng, 0.5),
        "email_verified": happens(rng, 0.9),
        "phone_verified": happens(rng, 0.6),
        "subscription_tier": weighted(rng, _TIERS),
        "report_count": int(rng.poisson(0.05)) if happens(rng, 0.995) else 9,
        "last_active_at": max(joined, (deleted or end) - away) if happens(rng, 0.99) else None,
        "created_at": joined,
        "updated_at": joined,
        "deleted_at": deleted,
    }
