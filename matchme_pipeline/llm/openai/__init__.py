"""Models behind OpenAI's API: requests, answers, batches and errors in that API's terms."""
