"""Vectors of content items and of members."""
