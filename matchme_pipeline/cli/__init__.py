"""The command `matchme`: an entry point to the same packages that Dagster's UI uses."""
