"""The constants of MySoul DNA: weights, tiers, thresholds and field lists.

Every change here changes members' scores: raise `ALGORITHM_VERSION` with it. Every result stores the version.
"""

from dataclasses import dataclass
from typing import Literal

ALGORITHM_VERSION = "2.1"

# --- The score -------------------------------------------------------------------------------------------------------

# Per cent of the score, in the order in which the app shows the strands.
WEIGHTS: dict[str, int] = {
    "trait_rarity": 35,
    "profile_depth": 25,
    "behavioural": 20,
    "content_originality": 15,
    "cultural_variance": 5,
}
STRAND_NAMES: dict[str, str] = {
    "trait_rarity": "Trait rarity",
    "profile_depth": "Profile depth",
    "behavioural": "Behaviour",
    "content_originality": "Content originality",
    "cultural_variance": "Cultural variance",
}
# The app's names of the strands; the SQL function `matchme_app_breakdown` writes the same keys.
APP_NAMES: dict[str, str] = {
    "trait_rarity": "traitRarity",
    "profile_depth": "profileDepth",
    "behavioural": "behavioral",
    "content_originality": "contentOriginality",
    "cultural_variance": "culturalVariance",
}
# The highest score of each tier.
TIERS: dict[str, int] = {"Common": 40, "Uncommon": 60, "Rare": 80, "Epic": 95, "Legendary": 100}
# Below this many approved insights a member is in the seed state: score 0, Common.
REQUIRED_APPROVED_INSIGHTS = 5
# A change of this many points or more counts as significant.
SIGNIFICANT_CHANGE = 5
# A strand's points if too little can be compared: neither rare nor common.
NEUTRAL = 50.0

# --- Trait rarity ----------------------------------------------------------------------------------------------------

# idf = ln(N / n); from this idf on (one member in 148), a trait counts fully.
FULL_IDF = 5.0
# A trait that fewer than this share of the members have is rare.
RARE_FREQUENCY = 0.10
RARE_TRAITS_NAMED = 5
# From this number of members on, a free-text value is a trait. A rarer value might be a typo, or might identify its
# author.
ESTABLISHED_MEMBERS = 3
# A rarer value of at least this many characters with one edit to an established value is a typo of it.
MIN_TYPO_CHARACTERS = 5
# Longer values are prose, not traits.
MAX_TRAIT_CHARACTERS = 40
# Numbers of things from here on are one trait ("4 or more").
COUNT_BAND = 4

# Values that mean "no answer".
NOT_STATED = frozenset(
    {"", "n a", "na", "none", "null", "unknown", "not specified", "not stated", "prefer not to say", "rather not say"}
)

Category = Literal["religious", "career", "personality", "lifestyle", "family", "content"]
# code: a fixed vocabulary, guarded by the app or its database; text: typed freely; list: several, typed freely;
# flag: yes or no; count: a number of things; option: one that a question offers.
Kind = Literal["code", "text", "list", "flag", "count", "option"]


@dataclass(frozen=True)
class TraitField:
    """One attribute whose values are traits: its column, its category, its name in plain words."""

    column: str
    category: Category
    name: str
    kind: Kind


# Names, biographies, notes, places (hometown, location) and free-text answers identify people and are never traits. A
# preference about the partner is not a trait either.
TRAIT_FIELDS: tuple[TraitField, ...] = (
    TraitField("sect", "religious", "Sect", "text"),
    TraitField("practice_level", "religious", "Practice", "text"),
    TraitField("halal_preference", "religious", "Halal", "text"),
    TraitField("muslim_since", "religious", "Muslim since", "code"),
    TraitField("madhab", "religious", "Madhab", "code"),
    TraitField("prayer_frequency", "religious", "Prayer", "code"),
    TraitField("quran_reading_frequency", "religious", "Reading Qur'an", "code"),
    TraitField("islamic_education_level", "religious", "Islamic education", "code"),
    TraitField("masjid_attendance", "religious", "At the masjid", "code"),
    TraitField("wali_involvement", "religious", "Wali", "code"),
    TraitField("islamic_studies_focus", "religious", "Studies", "list"),
    TraitField("spiritual_growth_style", "religious", "Spiritual growth", "text"),
    TraitField("community_service_level", "religious", "Community service", "text"),
    TraitField("education_level", "career", "Education", "text"),
    TraitField("occupation", "career", "Occupation", "text"),
    TraitField("industry", "career", "Industry", "text"),
    TraitField("annual_income_range", "career", "Income", "code"),
    TraitField("languages", "personality", "Language", "list"),
    TraitField("smoking", "lifestyle", "Smoking", "code"),
    TraitField("exercise_frequency", "lifestyle", "Exercise", "code"),
    TraitField("dietary_preferences", "lifestyle", "Diet", "list"),
    TraitField("hobbies", "lifestyle", "Hobby", "list"),
    TraitField("build", "lifestyle", "Build", "text"),
    TraitField("pets", "lifestyle", "Pets", "flag"),
    TraitField("relocate_for_spouse", "lifestyle", "Would relocate", "flag"),
    TraitField("ethnicity", "family", "Ethnicity", "text"),
    TraitField("cultural_traditions", "family", "Traditions", "text"),
    TraitField("cultural_backgrounds", "family", "Background", "list"),
    TraitField("marital_status", "family", "Marital status", "code"),
    TraitField("has_children", "family", "Has children", "flag"),
    TraitField("wants_children", "family", "Wants children", "flag"),
    TraitField("family_structure", "family", "Family", "code"),
    TraitField("family_values", "family", "Family values", "code"),
    TraitField("parents_marital_status", "family", "Parents", "code"),
    TraitField("number_of_siblings", "family", "Siblings", "count"),
)
# Traits that are not columns of a profile.
INSIGHT_FIELD = TraitField("approved_insight", "personality", "Insights about", "code")
POST_FIELD = TraitField("post_category", "content", "Posts about", "list")
ANSWER_CATEGORY: Category = "personality"

# Columns whose listed values (`profile_vocabulary`) are traits for any number of members.
ALWAYS_TRAITS = frozenset({"sect"})

# --- Profile depth ---------------------------------------------------------------------------------------------------

# Four dimensions count filled fields; the fifth, personality, is the biography.
DEPTH_DIMENSIONS: dict[str, tuple[str, ...]] = {
    "religious": ("sect", "practice_level", "halal_preference"),
    "career": ("education_level", "occupation", "industry", "annual_income_range"),
    "lifestyle": ("smoking", "exercise_frequency", "dietary_preferences", "hobbies", "height", "build"),
    "family": (
        "marital_status",
        "has_children",
        "wants_children",
        "family_structure",
        "family_values",
        "cultural_traditions",
        "hometown",
    ),
}
FULL_BIOGRAPHY_CHARACTERS = 50
HALF_BIOGRAPHY_CHARACTERS = 20

# --- Behaviour -------------------------------------------------------------------------------------------------------

MIN_MEMBERSHIP_DAYS = 7
# Consistency constant: 1.4826 · MAD and 1.2533 · mean absolute deviation both estimate a normal's standard deviation.
MAD_SCALE = 1.4826
MEAN_DEVIATION_SCALE = 1.2533
# One habit alone, however extreme, weighs no more than this many deviations.
MAX_DEVIATION = 5.0
# Beyond this many deviations a behaviour is named as unique.
UNIQUE_DEVIATION = 2.0

# --- Content originality ---------------------------------------------------------------------------------------------

MIN_OWN_ITEMS = 3
MIN_OTHER_ITEMS = 10

# --- Cultural variance -----------------------------------------------------------------------------------------------

MIN_OTHERS_IN_CITY = 5
# The traits that are compared within a city.
CULTURE_FIELDS: tuple[str, ...] = (
    "ethnicity",
    "languages",
    "cultural_traditions",
    "cultural_backgrounds",
    "sect",
    "madhab",
    "family_structure",
    "family_values",
)
