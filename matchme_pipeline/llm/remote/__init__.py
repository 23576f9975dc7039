"""Models behind OpenAI's API: paced, tried again, booked and checked here, where every paid attempt shows."""
