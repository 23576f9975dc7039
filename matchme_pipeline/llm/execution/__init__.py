"""How questions are sent, paced, retried, batched and booked, for every remote provider."""
