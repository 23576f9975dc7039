"""Claude models behind Anthropic's API: requests, answers, batches and errors in that API's terms."""
