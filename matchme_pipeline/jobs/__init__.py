"""The queue of all stages: jobs are enqueued once, claimed in sets, and finished together with their results."""
