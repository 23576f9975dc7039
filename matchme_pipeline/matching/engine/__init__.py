"""What computes matches from the rules: the scan over all pairs, the allocation, the week's matches; no SQL."""
