"""What counts for how much in a match: the one place to change it."""

ALGORITHM_VERSION = "c4"
# Points of a hundred. What members wrote and what they have approved of themselves say most; what they wish for beside
# their firm preferences comes next; DNA scores add a little for members of similar rarity. How the weights were chosen
# is in docs/matching.md.
WEIGHTS = {"similarity": 40.0, "preferences": 20.0, "shared": 35.0, "dna": 5.0}
# An overlap of approved insights of which this share is common counts in full. Three pairs in a thousand have as much;
# without this, 99 in 100 would use two fifths of the factor's scale.
FULL_OVERLAP = 0.5
# What a stronger model's review of a close call may add or take away, in points.
REVIEW_WEIGHT = 2.0
# A factor of which nothing is known counts as average: unknown is neither a merit nor a fault.
NEUTRAL = 0.5
