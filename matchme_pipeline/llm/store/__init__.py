"""What is written down of model calls: the ledger, stored answers and vectors, and their SQL."""
