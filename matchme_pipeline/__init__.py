"""MatchMe's weekly pipeline: what members shared in a week becomes insights, DNA scores, vectors and matches."""
