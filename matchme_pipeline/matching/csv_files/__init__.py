"""The engine on files: members, preferences and texts from CSV, scored pairs to CSV; no database, no Dagster."""
