"""What members did with their matches: outcomes, the funnel, and how well matching works."""
