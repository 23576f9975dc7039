"""What counts for how much in a match: the one place to change it."""

ALGORITHM_VERSION = "c2"
# Points of a hundred. What members wrote says most; what they wish for and what they have approved of themselves weigh
# the same; DNA scores add a little for members of similar rarity.
WEIGHTS = {"similarity": 40.0, "preferences": 25.0, "shared": 25.0, "dna": 10.0}
# What a stronger model's review of a close call may add or take away, in points.
REVIEW_WEIGHT = 2.0
# A factor of which nothing is known counts as average: unknown is neither a merit nor a fault.
NEUTRAL = 0.5
