"""The queue that every stage works from: what a week must do, enqueued once, claimed in sets, finished with its result."""
