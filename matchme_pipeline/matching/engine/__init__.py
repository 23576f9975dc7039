"""Computes matches from the rules: the scan of all pairs, the allocation, the week's matches; no SQL."""
