"""The functions that the app calls, `/functions/v1/NAME`: its names, fields, statuses and errors (`contract.yaml`)."""
