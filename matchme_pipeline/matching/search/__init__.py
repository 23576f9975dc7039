"""The search for one member's candidates between two Sundays."""
