"""What counts for how much in a match: the one place to change it."""

ALGORITHM_VERSION = "c5"
# Points of a hundred. What both have approved of themselves and how near they are in age say most of whether two people
# like each other; what they wrote comes next. The evidence for each weight is in docs/matching.md.
WEIGHTS = {
    "similarity": 20.0,
    "age": 25.0,
    "distance": 2.0,
    "practice": 4.0,
    "family_values": 2.0,
    "children": 3.0,
    "stated": 5.0,
    "shared": 35.0,
    "dna": 4.0,
}
# The factors of the soft wishes: what one side wishes for and the other is.
WISHES = ("age", "distance", "practice", "family_values", "children", "stated")
# Where a member states no ages, a partner this many years older or younger is as far off as any.
USUAL_AGE_GAP_YEARS = 10.0
# An overlap of approved insights of which this share is common counts in full. Three pairs in a thousand have as much;
# without this, 99 in 100 would use two fifths of the factor's scale.
FULL_OVERLAP = 0.5
# What a stronger model's review of a close call may add or take away, in points.
REVIEW_WEIGHT = 2.0
# A factor of which nothing is known counts as average: unknown is neither a merit nor a fault.
NEUTRAL = 0.5
