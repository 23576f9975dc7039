"""The rules of matching: eligibility and compatibility of two members; pure."""
