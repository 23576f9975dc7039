"""What the database holds of model calls: the ledger, stored answers and vectors, batches, and their SQL."""
