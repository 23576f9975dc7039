"""Storage of model calls: the ledger, answers and vectors, batches, and their SQL."""
