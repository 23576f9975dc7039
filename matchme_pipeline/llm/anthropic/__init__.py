"""Claude models through Anthropic's API: its requests, answers, batches and errors."""
