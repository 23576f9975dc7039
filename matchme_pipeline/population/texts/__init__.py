"""The sentences that seeded members write."""
