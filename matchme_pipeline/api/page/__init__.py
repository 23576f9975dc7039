"""The operations page: rendered on the server, refreshed by a small script, without a build step."""
