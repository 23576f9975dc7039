"""All model calls: questions, requests, retries, stored answers and cost."""
