"""The search for one member's candidates between Sundays."""
