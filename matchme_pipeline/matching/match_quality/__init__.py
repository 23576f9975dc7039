"""How well the score foretells mutual liking, week by week, and how evenly members are shown."""
