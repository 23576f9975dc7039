"""The fault campaign: weeks that are killed, cut off and fed faults, and what a plain re-run makes of them."""
