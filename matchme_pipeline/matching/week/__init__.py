"""A week's matches over the tables: load, allocate, verify, publish, preview."""
