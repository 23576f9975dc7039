"""Members written only as the app's own screens and functions write them; what nothing writes stays empty."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
from psycopg.types.json import Jsonb

from matchme_pipeline.database.connection import Connection

CUTOFF = datetime(2026, 1, 11, 2, tzinfo=UTC)
_EDUCATION = ("High School", "Trade/Vocational", "Bachelor's Degree", "Master's Degree", "Doctorate/PhD", "Other")
_MARITAL = ("Never Married", "Divorced", "Widowed")
_PRACTICE = ("Very Practicing", "Practicing", "Moderate", "Cultural", "Flexible")
_PRAYER = ("five_daily", "most", "some", "jummah", "learning")
_CITIES = {"london": (51.5074, -0.1278), "birmingham": (52.4862, -1.8904), "manchester": (53.4808, -2.2426)}


def write_members(connection: Connection, count: int, seed: int = 1) -> list[str]:
    """`count` members with the rows that signing up, the preferences screen and posting leave behind."""
    rng = np.random.default_rng(seed)
    ids = [f"user_real{number:04d}" for number in range(count)]
    for number, user_id in enumerate(ids):
        _write(connection, rng, user_id, ("male", "female")[number % 2])
    return ids


def _write(connection: Connection, rng: np.random.Generator, user_id: str, gender: str) -> None:
    age, joined = int(rng.integers(22, 42)), CUTOFF - timedelta(days=int(rng.integers(5, 50)))
    connection.execute(
        "insert into profiles (clerk_user_id, first_name, birthdate, gender, gender_preference, religion, created_at) "
        "values (%s, %s, %s, %s, %s, %s, %s)",
        [
            user_id,
            f"Name{user_id[-4:]}",
            date(2026 - age, int(rng.integers(1, 13)), int(rng.integers(1, 28))),
            gender,
            ["female" if gender == "male" else "male"],
            Jsonb({"sect": "sunni", "practiceLevel": "moderate", "halalPreference": "always"}),
            joined,
        ],
    )
    connection.execute(
        "insert into match_preferences (clerk_user_id, age_range_min, age_range_max, max_distance, "
        "education_preferences, marital_status_preferences, has_children_preference, religiosity_preferences) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            user_id,
            max(18, age - 8),
            age + 10,
            int(rng.choice([25, 50, 100])),
            Jsonb(_some(rng, _EDUCATION)),
            Jsonb(_some(rng, _MARITAL)),
            str(rng.choice(["yes", "no", "doesntMatter"])),
            Jsonb(["Similar to mine"] if rng.random() < 0.3 else _some(rng, _PRACTICE)),
        ],
    )
    connection.execute(
        "insert into islamic_preferences (clerk_user_id, muslim_since, sect, madhab, prayer_frequency) "
        "values (%s, 'birth', 'sunni', 'hanafi', %s)",
        [user_id, str(rng.choice(_PRAYER))],
    )
    city = str(rng.choice(sorted(_CITIES)))
    lat, lng = _CITIES[city]
    detected = Jsonb({"lat": lat + float(rng.normal(0, 0.05)), "lng": lng + float(rng.normal(0, 0.05))})
    connection.execute(
        "insert into user_city_assignments (clerk_user_id, city_key, assignment_method, detected_location, created_at) "
        "values (%s, %s, 'auto', %s, %s)",
        [user_id, city, detected if rng.random() < 0.8 else None, joined],
    )
    for day in range(int(rng.integers(0, 4))):
        connection.execute(
            "insert into posts (clerk_user_id, caption, created_at) values (%s, %s, %s)",
            [user_id, f"On Friday I cook for my neighbours, {user_id[-4:]} {day}.", joined + timedelta(days=day)],
        )


def _some(rng: np.random.Generator, labels: tuple[str, ...]) -> list[str]:
    return [label for label in labels if rng.random() < 0.6] or [labels[0]]


def write_city_clusters(connection: Connection) -> None:
    """The app's cities, which assignments point at."""
    for city in _CITIES:
        connection.execute(
            "insert into city_clusters (city_key, city_name, region, timezone) values (%s, %s, 'uk', 'Europe/London')",
            [city, city.title()],
        )
