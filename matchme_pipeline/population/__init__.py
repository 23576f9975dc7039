"""The seeded population: members who are like life, for demonstrations, tests and benchmarks."""
