"""The two vocabularies: what profiles store, what preferences ask for, and the mapping between them.

Every mapping is explicit. A value that none knows is reported (`Unknown`), and counts as missing; a missing value
does not satisfy a preference that somebody has stated, and offends nobody who has stated none.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

MISSING = -1

GENDERS = ("male", "female")
SECTS = ("sunni", "shia", "ahmadiyya", "other")

# `match_preferences.education_preferences`, in the order of the app's screen.
EDUCATION_LABELS = (
    "High School",
    "Trade/Vocational",
    "Bachelor's Degree",
    "Master's Degree",
    "Doctorate/PhD",
    "Other",
)
_EDUCATION = {
    0: {"highschool", "secondaryschool", "alevels", "alevel", "gcse", "diploma"},
    1: {"vocational", "tradeschool", "tradevocational", "trade", "nvq", "apprenticeship", "associates", "associate"},
    2: {"bachelors", "bachelor", "bachelorsdegree", "bachelordegree", "bsc", "ba", "bahons", "beng", "undergraduate"},
    3: {"masters", "master", "mastersdegree", "masterdegree", "msc", "ma", "mba", "meng", "postgraduate"},
    4: {"phd", "doctorate", "doctoratephd", "doctor", "dphil", "md"},
    5: {"other"},
}
EDUCATION_CODE = {spelling: code for code, spellings in _EDUCATION.items() for spelling in spellings}

# `match_preferences.marital_status_preferences` against `profiles.marital_status`.
MARITAL_LABELS = ("Never Married", "Divorced", "Widowed")
MARITAL_CODE = {"never_married": 0, "divorced": 1, "widowed": 2}

# `match_preferences.religiosity_preferences`, from most to least observant, against how often a member prays.
RELIGIOSITY_LABELS = ("Very Practicing", "Practicing", "Moderate", "Cultural", "Flexible")
# The plain form of the screen's choice that is relative to one's own practice.
SIMILAR_TO_MINE = "similartomine"
PRAYER_CODE = {"five_daily": 0, "most": 1, "some": 2, "jummah": 3, "learning": 4}
# `profiles.religion.practiceLevel`, for members without an answer on prayer. The app takes free text here: the screen's
# labels, the app's `moderate`, and the words that people use for the same, by their plain form.
_PRACTICE = {
    0: {"verypracticing", "verypractising", "verypracticingmuslim", "devout", "verydevout", "devoted", "strict"}
    | {"verystrict", "veryreligious", "highlyreligious", "highlypracticing", "fullypracticing", "conservative"}
    | {"veryobservant", "orthodox"},
    1: {"practicing", "practising", "practicingmuslim", "practisingmuslim", "religious", "observant", "committed"}
    | {"fairlypracticing", "mostlypracticing"},
    2: {"moderate", "moderatelypracticing", "moderatelypractising", "moderatelyreligious", "somewhatpracticing"}
    | {"somewhatreligious", "somewhat", "average", "medium", "balanced"},
    3: {"cultural", "culturalmuslim", "culturally", "notverypracticing", "notverypractising", "notveryreligious"}
    | {"nonpracticing", "nonpractising", "notpracticing", "notpractising", "occasionally", "casual"},
    4: {"learning", "flexible", "liberal", "secular", "exploring", "revert", "newtoislam", "beginner", "open"},
}
PRACTICE_CODE = {spelling: code for code, spellings in _PRACTICE.items() for spelling in spellings}

FAMILY_VALUES_CODE = {"traditional": 0, "balanced": 1, "modern": 2}


class Unknown:
    """Counts values that no mapping knows, by attribute."""

    def __init__(self) -> None:
        """Starts with nothing seen."""
        self.values: Counter[str] = Counter()

    def see(self, attribute: str, value: str | None) -> None:
        """Count a value that no rule takes; nothing where none is stated."""
        if value is not None and value.strip():
            self.values[f"{attribute}: {value.strip()[:40]}"] += 1

    def code(self, attribute: str, value: str | None, codes: dict[str, int]) -> int:
        """The code of a profile's value; MISSING for none, and for one that is unknown, which is counted."""
        if value is None or not value.strip():
            return MISSING
        code = codes.get(value, codes.get(plain(value)))
        if code is None:
            self.see(attribute, value)
            return MISSING
        return code

    def mask(self, attribute: str, labels: Iterable[object] | None, known: tuple[str, ...]) -> int:
        """A bit for each wanted label; 0 means any. Labels that are unknown are counted and ask for nothing."""
        bits = 0
        for label in labels or ():
            place = next((i for i, name in enumerate(known) if plain(name) == plain(str(label))), None)
            if place is None:
                self.values[f"{attribute}: {str(label)[:40]}"] += 1
            else:
                bits |= 1 << place
        return bits


# Members choose from the same few labels.
@lru_cache(maxsize=4_096)
def plain(value: str) -> str:
    """A spelling's plain form: its letters a to z alone, in lower case."""
    return re.sub(r"[^A-Za-z]", "", value).lower()
