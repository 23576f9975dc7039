"""A rehearsal of the paid path: the real client over HTTP, and a local server with the offline models."""
