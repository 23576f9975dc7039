"""Vectors of what members shared, and of the members themselves."""
