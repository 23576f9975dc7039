"""The HTTP API that the app and its administrators call."""
