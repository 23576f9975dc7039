"""The queue that every stage works from: enqueued once, claimed in sets, finished together with its result."""
