"""The operations page: rendered here, no script, no build step."""
