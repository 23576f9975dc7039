"""Eligibility, compatibility and weekly matches."""
