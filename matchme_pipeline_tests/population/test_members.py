"""Who the seeded members are: like life, with its gaps, and wide enough that people can meet."""

from datetime import timedelta

import pytest

from matchme_pipeline_tests.population.conftest import FIRST_WEEK, USERS, WEEKS, Seeded

END = FIRST_WEEK + timedelta(weeks=WEEKS)


def _share(seeded: Seeded, condition: str, table: str = "profiles") -> float:
    row = seeded.connection.execute(
        f"select coalesce(avg(coalesce(({condition}), false)::integer), 0)::float from {table}"  # type: ignore[arg-type]
    ).fetchone()
    assert row is not None
    return float(row[0])


@pytest.mark.parametrize(
    ("what", "least", "most"),
    [
        ("gender = 'male'", 0.5, 0.5),
        ("location in ('London', 'Birmingham', 'Manchester')", 0.6, 0.8),
        # No screen of the app fills these; one member in seven came from an import.
        ("lat is null", 0.8, 0.9),
        ("education_level is null", 0.8, 0.9),
        ("marital_status is null", 0.8, 0.9),
        ("has_children is null", 0.8, 0.9),
        ("last_active_at is null", 0.8, 0.9),
        (f"created_at >= date '{FIRST_WEEK}'", 0.06, 0.2),
        ("deleted_at is not null", 0.002, 0.06),
        ("not onboarding_completed", 1, 1),
        ("not is_matchable", 0.002, 0.08),
        ("profile_visibility in ('hidden', 'private')", 0.01, 0.1),
        (f"last_active_at < date '{END}' - 60", 0.001, 0.03),
        ("bio is null or bio = ''", 0.05, 0.2),
        ("length(bio) > 300", 0.03, 0.3),
        ("subscription_tier = 'free'", 0.6, 0.8),
        ("subscription_tier in ('free', 'gold', 'gold_plus', 'premium')", 1, 1),
        ("religion is null or jsonb_typeof(religion) <> 'object'", 0.02, 0.12),
        ("marital_status = 'divorced'", 0.005, 0.08),
        ("birthdate is null", 0, 0.02),
        ("'hijab' = any(tags)", 0.1, 0.4),
    ],
)
def test_shares_are_those_of_life(seeded: Seeded, what: str, least: float, most: float):
    assert least <= _share(seeded, what) <= most


def test_one_degree_is_written_in_many_ways(seeded: Seeded):
    written = {row[0] for row in seeded.connection.execute("select distinct education_level from profiles").fetchall()}
    assert len({"masters", "Masters", "MSc", "Master's degree"} & written) > 2
    assert len(written) > 12


def test_faith_practice_and_food_hang_together(seeded: Seeded):
    strict = _share(seeded, "halal_importance >= 7", "islamic_preferences where prayer_frequency = 'five_daily'")
    loose = _share(seeded, "halal_importance >= 7", "islamic_preferences where prayer_frequency = 'learning'")
    assert strict > 0.95 > loose + 0.2


def test_children_follow_marriage(seeded: Seeded):
    assert _share(seeded, "has_children", "profiles where marital_status = 'never_married'") == 0
    assert _share(seeded, "has_children", "profiles where marital_status = 'divorced'") > 0.4


def test_preferences_speak_the_screens_language(seeded: Seeded):
    used = seeded.connection.execute(
        """
        select distinct label
        from match_preferences,
            jsonb_array_elements_text(
                education_preferences || marital_status_preferences || religiosity_preferences
            ) label
        """
    ).fetchall()
    assert {row[0] for row in used} <= {
        "High School",
        "Bachelor's Degree",
        "Master's Degree",
        "Doctorate/PhD",
        "Trade/Vocational",
        "Other",
        "Never Married",
        "Divorced",
        "Widowed",
        "Very Practicing",
        "Practicing",
        "Moderate",
        "Cultural",
        "Flexible",
        "Similar to mine",
    }
    # The screen makes a choice compulsory, and its slider ends at 100, "Anywhere".
    compulsory = " and ".join(
        f"jsonb_array_length({name}_preferences) > 0" for name in ("education", "marital_status", "religiosity")
    )
    assert _share(seeded, compulsory, "match_preferences") == 1
    assert _share(seeded, "max_distance between 5 and 100", "match_preferences") == 1
    assert _share(seeded, "max_distance = 100", "match_preferences") > 0.5


def test_most_members_have_dozens_to_meet_and_some_next_to_nobody(seeded: Seeded):
    """Age both ways and the same country, among the 200 of the other gender: a coarse bound on eligibility."""
    partners = seeded.connection.execute(
        """
        with m as (
            select p.clerk_user_id, p.gender, extract(year from age(%s::date, p.birthdate)) as age, c.lng,
                f.age_range_min, f.age_range_max
            from profiles p
            join match_preferences f using (clerk_user_id)
            join user_city_assignments u on u.clerk_user_id = p.clerk_user_id and u.is_current
            join matchme_city_centres c on c.city_key = u.city_key::text
            where p.birthdate is not null
        )
        select count(b.clerk_user_id)
        from m a
        left join m b on a.gender <> b.gender and abs(a.lng - b.lng) < 4
            and b.age between a.age_range_min and a.age_range_max
            and a.age between b.age_range_min and b.age_range_max
        group by a.clerk_user_id
        order by 1
        """,
        [END],
    ).fetchall()
    counts = [row[0] for row in partners]
    assert counts[len(counts) // 2] >= 24
    assert counts[0] <= 1


def test_members_answered_over_time_in_all_four_ways(seeded: Seeded):
    kinds = dict(
        seeded.connection.execute(
            "select q.type, count(*) from dna_answers a join dna_questionnaires q on q.id = a.question_id group by 1"
        ).fetchall()
    )
    assert set(kinds) == {"multiChoice", "scale", "multiSelect", "text"}
    assert seeded.connection.execute("select count(*) from dna_questionnaires").fetchone() == (20,)
    assert 0.1 < _share(seeded, f"created_at > date '{FIRST_WEEK}'", "dna_answers") < 0.9


def test_everyone_has_a_culture_and_some_have_two(seeded: Seeded):
    rows = seeded.connection.execute(
        "select count(*), count(*) filter (where is_primary) from cultural_backgrounds"
    ).fetchone()
    assert rows is not None
    assert rows[1] == USERS < rows[0]
    assert 0.4 < _share(seeded, "completed_at is not null", "personality_assessments") < 1


def test_some_members_already_talk(seeded: Seeded):
    rows = seeded.connection.execute(
        """
        select count(distinct c.id), bool_and(a.gender <> b.gender), bool_and(c.last_message_id is not null)
        from conversations c
        join profiles a on a.clerk_user_id = c.user1_clerk_id
        join profiles b on b.clerk_user_id = c.user2_clerk_id
        join messages m on m.conversation_id = c.id
        """
    ).fetchone()
    assert rows is not None
    assert rows[0] > 10
    assert rows[1:] == (True, True)
