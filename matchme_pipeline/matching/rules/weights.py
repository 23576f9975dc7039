"""The weights of a match's score; they are defined only here."""

ALGORITHM_VERSION = "c6"
# Points of a hundred. Common approved insights and the age difference predict mutual interest best; the similarity of
# texts comes next. docs/matching.md gives the evidence for each weight.
WEIGHTS = {
    "similarity": 15.0,
    "age": 30.0,
    "distance": 2.0,
    "practice": 4.0,
    "family_values": 2.0,
    "children": 3.0,
    "stated": 5.0,
    "shared": 35.0,
    "dna": 4.0,
}
# The factors of the soft preferences.
SOFT_PREFERENCES = ("age", "distance", "practice", "family_values", "children", "stated")
# If a member states no ages, a difference of this many years or more counts as the maximum.
USUAL_AGE_GAP_YEARS = 10.0
# From this overlap of approved insights on, the factor is 1. Three pairs in a thousand reach it; without it, 99 in 100
# pairs would use only two fifths of the scale.
FULL_OVERLAP = 0.5
# The most that a review of a close call may add or subtract, in points.
REVIEW_WEIGHT = 2.0
# An unknown factor counts as average: unknown is neither an advantage nor a disadvantage.
NEUTRAL = 0.5
