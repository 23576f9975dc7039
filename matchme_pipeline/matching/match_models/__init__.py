"""The weekly learning: train a version, compare earlier ones, and decide which version scores the week."""
