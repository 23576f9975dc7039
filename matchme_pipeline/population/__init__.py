"""The seeded population: realistic synthetic members for demonstrations, tests and benchmarks."""
