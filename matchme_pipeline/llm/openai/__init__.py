"""Models through OpenAI's API: its requests, answers, batches and errors."""
