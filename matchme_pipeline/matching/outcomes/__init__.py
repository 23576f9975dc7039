"""What members did with the pairs that they were shown: outcomes, the funnel, how well matching works."""
