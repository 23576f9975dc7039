"""The weekly learning: train a version, judge earlier ones, decide which version scores the week."""
