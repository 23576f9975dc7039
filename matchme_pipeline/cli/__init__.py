"""The command `matchme`: a door to the same rooms that Dagster's UI opens."""
