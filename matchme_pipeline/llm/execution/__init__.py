"""Sends questions for every remote provider: rate limits, retries, batches, ledger."""
