"""What members shared: its canonical text, its hash, and the insights found in it."""
