"""The prompts, each as instructions (.md), the answer's schema (.schema.json) and settings (.yaml)."""
