"""Maps the values of profiles to the labels of preferences.

`profile_vocabulary` lists the spellings of profile values. Every mapping is explicit. A value outside the vocabulary is
reported (`Unknown`) and counts as missing. A missing value fails a stated preference if its attribute is strict, and
passes otherwise.
"""

from collections import Counter
from collections.abc import Iterable

from matchme_pipeline.profile_vocabulary import codes_of, plain

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
EDUCATION_CODE = codes_of("education_level")

# `match_preferences.marital_status_preferences` against `profiles.marital_status`.
MARITAL_LABELS = ("Never Married", "Divorced", "Widowed")
MARITAL_CODE = codes_of("marital_status")

# `match_preferences.religiosity_preferences`, from most to least observant, against how often a member prays.
RELIGIOSITY_LABELS = ("Very Practicing", "Practicing", "Moderate", "Cultural", "Flexible")
# The plain form of the screen's choice that is relative to the member's own practice.
SIMILAR_TO_MINE = "similartomine"
PRAYER_CODE = codes_of("prayer_frequency")
# `profiles.religion.practiceLevel`, for members without an answer on prayer.
PRACTICE_CODE = codes_of("practice_level")

SECT_CODE = codes_of("sect")
FAMILY_VALUES_CODE = codes_of("family_values")


class Unknown:
    """Counts values that no mapping knows, by attribute."""

    def __init__(self) -> None:
        """Create an empty count."""
        self.values: Counter[str] = Counter()
        # The bits of a list of labels, and its unknown labels: members choose the same few lists.
        self._masks: dict[tuple[str, ...], tuple[int, list[str]]] = {}

    def see(self, attribute: str, value: str | None) -> None:
        """Count a value that no rule accepts; a missing value is not counted."""
        if value is not None and value.strip():
            self.values[f"{attribute}: {value.strip()[:40]}"] += 1

    def code(self, attribute: str, value: str | None, codes: dict[str, int]) -> int:
        """The code of a profile's value; MISSING for a missing value, and for an unknown one, which is counted."""
        if value is None or not value.strip():
            return MISSING
        code = codes.get(plain(value))
        if code is None:
            self.see(attribute, value)
            return MISSING
        return code

    def mask(self, attribute: str, labels: Iterable[object] | None, known: tuple[str, ...]) -> int:
        """A bit for each accepted label; 0 means any. Unknown labels are counted and ignored."""
        if not labels:
            return 0
        written = (attribute, *map(str, labels))
        if written not in self._masks:
            self._masks[written] = _mask(written[1:], known)
        bits, unknown = self._masks[written]
        for label in unknown:
            self.values[f"{attribute}: {label[:40]}"] += 1
        return bits


def _mask(labels: Iterable[str], known: tuple[str, ...]) -> tuple[int, list[str]]:
    """A bit for each label that is known, and the labels that are not."""
    place = {plain(name): code for code, name in enumerate(known)}
    bits, unknown = 0, []
    for label in labels:
        code = place.get(plain(label))
        if code is None:
            unknown.append(label)
        else:
            bits |= 1 << code
    return bits, unknown
