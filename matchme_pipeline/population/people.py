"""Who the seeded members are: attributes that hang together, preferences in the app's labels, gaps as in life."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from matchme_pipeline.population.latent import Latent, draw
from matchme_pipeline.population.writing import texts, vary

# City key, name, latitude, longitude, share of members. Three are in one country, within a drive of each other.
CITIES = (
    ("london", "London", 51.5074, -0.1278, 0.34),
    ("birmingham", "Birmingham", 52.4862, -1.8904, 0.20),
    ("manchester", "Manchester", 53.4808, -2.2426, 0.18),
    ("toronto", "Toronto", 43.6532, -79.3832, 0.14),
    ("new_york", "New York", 40.7128, -74.0060, 0.08),
    ("dubai", "Dubai", 25.2048, 55.2708, 0.06),
)
_NAMES = {
    "male": ("Adam", "Bilal", "Daoud", "Faisal", "Hamza", "Idris", "Karim", "Musa", "Omar", "Tariq", "Yusuf", "Zayd"),
    "female": (
        "Amina",
        "Dina",
        "Fatima",
        "Hana",
        "Khadija",
        "Layla",
        "Maryam",
        "Noor",
        "Rania",
        "Sara",
        "Yasmin",
        "Zara",
    ),
}
_SURNAMES = (
    "Ahmed",
    "Aziz",
    "Bello",
    "Chaudhry",
    "Demir",
    "Farah",
    "Hassan",
    "Ismail",
    "Khan",
    "Malik",
    "Rahman",
    "Syed",
)
_CULTURES = {
    "south_asian": (("Urdu", "English"), "Henna nights and shared iftars", "Lahore", "Pakistani"),
    "arab": (("Arabic", "English"), "Friday lunch with the whole family", "Amman", "Arab"),
    "african": (("Somali", "English"), "Poetry at weddings", "Mogadishu", "Somali"),
    "western_convert": (("English",), "", "Leeds", "British"),
    "southeast_asian": (("Malay", "English"), "Open house on Eid", "Penang", "Malay"),
    "other": (("Turkish", "English"), "Tea at any hour", "Bursa", "Turkish"),
}
# The same degree as different members write it.
_EDUCATION = {
    "high school": ("high_school", "High School", "A-levels"),
    "trade": ("vocational", "Trade school", "NVQ"),
    "bachelor": ("bachelors", "Bachelor's Degree", "BSc", "BA (Hons)", "Bachelors"),
    "master": ("masters", "Masters", "MSc", "Master's degree", "MBA"),
    "doctorate": ("phd", "PhD", "Doctorate"),
}
_JOBS = {
    "high school": (("Shop manager", "retail"), ("Driver", "transport"), ("Carer", "health")),
    "trade": (("Electrician", "construction"), ("Chef", "hospitality"), ("Nurse", "health")),
    "bachelor": (("Teacher", "education"), ("Accountant", "finance"), ("Software engineer", "technology")),
    "master": (("Architect", "construction"), ("Data scientist", "technology"), ("Pharmacist", "health")),
    "doctorate": (("Doctor", "health"), ("Lecturer", "education"), ("Researcher", "technology")),
}
_INCOME = ("under_20k", "20k_40k", "40k_60k", "60k_100k", "over_100k")
_PRAYER = ("five_daily", "most", "some", "jummah", "learning")
_PRACTICE = {
    "five_daily": "very_practicing",
    "most": "practicing",
    "some": "moderate",
    "jummah": "moderate",
    "learning": "learning",
}
EDUCATION_LABELS = ("High School", "Trade/Vocational", "Bachelor's Degree", "Master's Degree", "Doctorate/PhD")
MARITAL_LABELS = {"never_married": "Never Married", "divorced": "Divorced", "widowed": "Widowed"}
RELIGIOSITY_LABELS = ("Very Practicing", "Practicing", "Moderate", "Cultural", "Flexible")


@dataclass
class Member:
    """One seeded member: their truth, and the rows that the app would have of them."""

    user_id: str
    index: int
    latent: Latent
    joined_at: datetime
    activity: float
    reviews: float
    profile: dict[str, Any]
    islamic: dict[str, Any] | None
    match: dict[str, Any] | None
    culture: str
    city_key: str | None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def leaves_at(self) -> datetime | None:
        """When the member deleted themselves."""
        left: datetime | None = self.profile["deleted_at"]
        return left


def member(rng: np.random.Generator, index: int, user_id: str, start: datetime, end: datetime) -> Member:
    """Draw one member of a population whose first week begins at `start` and whose last ends at `end`."""
    latent = draw(rng, texts().names)
    gender = "male" if index % 2 == 0 else "female"
    age = float(np.clip(20 + rng.gamma(3.0, 4.2), 20, 60.9))
    late = rng.random() < 0.12
    joined = _between(rng, start, end) if late else start - timedelta(days=float(rng.uniform(5, 400)))
    deleted = _between(rng, max(joined, start), end) if rng.random() < 0.02 else None
    active_until = end - timedelta(days=float(rng.exponential(4) if rng.random() > 0.06 else rng.uniform(60, 200)))
    city = CITIES[int(rng.choice(len(CITIES), p=[c[4] for c in CITIES]))] if rng.random() > 0.02 else None
    culture = str(rng.choice(list(_CULTURES), p=[0.42, 0.2, 0.14, 0.1, 0.07, 0.07]))
    education = str(rng.choice(list(_EDUCATION), p=[0.14, 0.12, 0.42, 0.26, 0.06]))
    job, industry = _JOBS[education][int(rng.integers(3))]
    prayer = str(rng.choice(_PRAYER, p=_prayer_odds(latent)))
    marital = _marital_status(rng, age)
    children = int(rng.poisson(1.2)) if marital != "never_married" else 0
    sect = str(rng.choice(["sunni", "shia", "ahmadiyya", "other"], p=[0.84, 0.12, 0.02, 0.02]))
    languages, tradition, hometown, ethnicity = _CULTURES[culture]
    income = _INCOME[min(4, list(_EDUCATION).index(education) // 2 + int(rng.integers(0, 3)))]
    profile = {
        "clerk_user_id": user_id,
        "first_name": _one(rng, _NAMES[gender]),
        "last_name": _one(rng, _SURNAMES),
        "birthdate": _birthdate(rng, age, end),
        "gender": gender,
        "gender_preference": ["female" if gender == "male" else "male"],
        "bio": _bio(rng, latent),
        "location": city[1] if city else None,
        "lat": round(city[2] + float(rng.normal(0, 0.08)), 6) if city else None,
        "lng": round(city[3] + float(rng.normal(0, 0.12)), 6) if city else None,
        "languages": list(languages),
        "religion": _religion(rng, sect, prayer),
        "hobbies": [theme for theme in latent.interests if rng.random() < 0.7],
        "dietary_preferences": ["halal"] if rng.random() < 0.8 else [],
        "marital_status": marital if rng.random() > 0.03 else None,
        "has_children": children > 0 if rng.random() > 0.04 else None,
        "children_count": children,
        "wants_children": bool(rng.random() < (0.85 if age < 40 else 0.4)) if rng.random() > 0.1 else None,
        "onboarding_completed": bool(rng.random() > 0.03),
        "profile_visibility": _one(rng, ("members",) * 30 + ("public",) * 8 + ("hidden", "private")),
        "is_matchable": bool(rng.random() > 0.03),
        "is_verified": bool(rng.random() < 0.5),
        "subscription_tier": _one(rng, ("free",) * 14 + ("premium",) * 5 + ("elite",)),
        "report_count": int(rng.poisson(0.05)) if rng.random() > 0.005 else 9,
        "education_level": _one(rng, _EDUCATION[education])
        if rng.random() > 0.06
        else _one(rng, ("", "school of life")),
        "occupation": job if rng.random() > 0.08 else None,
        "industry": industry if rng.random() > 0.15 else None,
        "annual_income_range": income if rng.random() > 0.35 else None,
        "smoking": _one(rng, ("never",) * 8 + ("previously", "current")) if rng.random() > 0.1 else None,
        "exercise_frequency": _exercise(rng, latent) if rng.random() > 0.15 else None,
        "height": round(float(rng.normal(176 if gender == "male" else 163, 7)), 1) if rng.random() > 0.2 else None,
        "build": _one(rng, ("slim", "average", "athletic", "full")) if rng.random() > 0.3 else None,
        "ethnicity": ethnicity if rng.random() > 0.2 else None,
        "family_structure": _one(rng, ("nuclear", "extended", "other")) if rng.random() > 0.25 else None,
        "parents_marital_status": _one(rng, ("together",) * 5 + ("separated", "deceased")),
        "number_of_siblings": int(rng.poisson(2.2)),
        "family_values": _one(rng, ("traditional", "balanced", "balanced", "modern")) if rng.random() > 0.2 else None,
        "cultural_traditions": tradition if rng.random() > 0.3 else None,
        "hometown": hometown if rng.random() > 0.3 else None,
        "last_active_at": max(joined, deleted or active_until),
        "created_at": joined,
        "updated_at": joined,
        "deleted_at": deleted,
    }
    return Member(
        user_id=user_id,
        index=index,
        latent=latent,
        joined_at=joined,
        activity=float(rng.gamma(1.6, 1 / 1.6)) if rng.random() > 0.05 else 0.0,
        reviews=float(rng.beta(5, 2)),
        profile=profile,
        islamic=_islamic(rng, user_id, sect, prayer, age, joined) if rng.random() > 0.04 else None,
        match=_match_preferences(rng, user_id, age, gender, marital, prayer, joined) if rng.random() > 0.02 else None,
        culture=culture,
        city_key=city[0] if city else None,
    )


def _match_preferences(
    rng: np.random.Generator, user_id: str, age: float, gender: str, marital: str, prayer: str, joined: datetime
) -> dict[str, Any]:
    picky = rng.random() < 0.05
    younger, older = (10, 5) if gender == "male" else (4, 12)
    spread = 0.15 if picky else 1.0
    low = max(18, int(age - younger * spread * float(rng.uniform(0.6, 1.4))))
    high = max(low, int(age + older * spread * float(rng.uniform(0.6, 1.4))))
    level = _PRAYER.index(prayer)
    near = RELIGIOSITY_LABELS[max(0, level - 1) : level + 3]
    education = EDUCATION_LABELS[int(rng.integers(0, 3)) :] if rng.random() < 0.3 else ()
    statuses = [MARITAL_LABELS[marital]] if rng.random() < 0.3 else []
    if statuses and rng.random() < 0.5:
        statuses = sorted({*statuses, "Never Married", "Divorced"})
    return {
        "clerk_user_id": user_id,
        "age_range_min": low,
        "age_range_max": high,
        "max_distance": int(rng.choice([5, 25] if picky else [25, 50, 100, 200, 350, 500, 20_000])),
        "education_preferences": list(education[-1:] if picky and education else education),
        "marital_status_preferences": statuses,
        "has_children_preference": str(rng.choice(["doesntMatter", "no", "yes"], p=[0.75, 0.23, 0.02])),
        "religiosity_preferences": list(near) if rng.random() < 0.4 else [],
        "created_at": joined,
        "updated_at": joined,
    }


def _islamic(
    rng: np.random.Generator, user_id: str, sect: str, prayer: str, age: float, joined: datetime
) -> dict[str, Any]:
    revert = rng.random() < 0.08
    devout = _PRAYER.index(prayer) < 2
    limits = rng.random() < 0.15
    return {
        "clerk_user_id": user_id,
        "muslim_since": "revert" if revert else "birth",
        "revert_year": joined.year - int(rng.integers(1, 15)) if revert else None,
        "sect": sect,
        "madhab": str(rng.choice(["hanafi", "shafi", "maliki", "hanbali"], p=[0.6, 0.2, 0.15, 0.05])),
        "prayer_frequency": prayer,
        "quran_reading_frequency": _one(rng, ("daily", "weekly") if devout else ("weekly", "monthly", "rarely")),
        "islamic_education_level": _one(rng, ("basic", "intermediate", "advanced") if devout else ("none", "basic")),
        "halal_importance": int(rng.integers(7, 11)) if devout else int(rng.integers(3, 10)),
        "halal_preference": "strict" if devout else _one(rng, ("strict", "flexible")),
        "masjid_attendance": _one(rng, ("daily", "weekly") if devout else ("jummah_only", "rarely")),
        "wali_involvement": _one(rng, ("required", "preferred", "optional")),
        "polygamy_acceptance": str(rng.choice(["no", "maybe", "yes"], p=[0.9, 0.07, 0.03])),
        "relocate_for_spouse": bool(rng.random() < 0.4) if rng.random() > 0.2 else None,
        "partner_sect_preference": [sect] if rng.random() < 0.35 else [],
        "partner_prayer_importance": int(rng.integers(6, 11)) if devout else int(rng.integers(1, 8)),
        "partner_hijab_required": False if rng.random() < 0.9 else None,
        "partner_age_min": max(18, int(age) - 12) if limits else None,
        "partner_age_max": int(age) + 14 if limits else None,
        "family_planning_desires": _one(rng, ("soon", "in a few years", "not sure")),
        "living_arrangement_preferences": _one(rng, ("own home", "with parents", "open")),
        "created_at": joined,
        "updated_at": joined,
    }


def _prayer_odds(latent: Latent) -> list[float]:
    if "prayer" in latent.values:
        return [0.6, 0.25, 0.1, 0.03, 0.02]
    return [0.25, 0.27, 0.25, 0.15, 0.08]


def _marital_status(rng: np.random.Generator, age: float) -> str:
    odds = min(0.6, max(0.03, (age - 24) / 45))
    if rng.random() > odds:
        return "never_married"
    return "widowed" if rng.random() < 0.12 else "divorced"


def _religion(rng: np.random.Generator, sect: str, prayer: str) -> Any:
    whole = {
        "sect": sect,
        "practiceLevel": _PRACTICE[prayer],
        "halalPreference": "always" if prayer == "five_daily" else "mostly",
    }
    odd = rng.random()
    if odd < 0.01:
        return "sunni, practising"
    if odd < 0.02:
        return ["sunni"]
    if odd < 0.06:
        return None
    if odd < 0.12:
        return {key: whole[key] for key in ("sect",)}
    return whole


def _exercise(rng: np.random.Generator, latent: Latent) -> str:
    sporty = {"fitness", "football", "hiking"} & set(latent.interests)
    return str(_one(rng, ("daily", "regular") if sporty else ("regular", "sometimes", "never")))


def _bio(rng: np.random.Generator, latent: Latent) -> str | None:
    kind = rng.random()
    if kind < 0.08:
        return None
    if kind < 0.12:
        return ""
    themes = texts().themes
    interest = next(iter(latent.interests))
    first = vary(rng, _one(rng, themes["interests"][interest]))
    if kind < 0.3:
        return f"{interest.title()} and tea."
    return f"{first} {vary(rng, _one(rng, themes['family'][latent.family]))}"


def _birthdate(rng: np.random.Generator, age: float, end: datetime) -> date | None:
    kind = rng.random()
    if kind < 0.004:
        return None
    if kind < 0.006:
        return (end - timedelta(days=17 * 365)).date()
    return (end - timedelta(days=age * 365.25)).date()


def _between(rng: np.random.Generator, first: datetime, last: datetime) -> datetime:
    seconds = max(1.0, (last - first).total_seconds())
    return first + timedelta(seconds=int(rng.integers(int(seconds))))


def _one(rng: np.random.Generator, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]
