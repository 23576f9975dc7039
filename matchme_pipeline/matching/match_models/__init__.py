"""The weekly learning: train a version in shadow, judge earlier ones, decide which version scores the week."""
