"""All SQL of the API, a module a subject."""
