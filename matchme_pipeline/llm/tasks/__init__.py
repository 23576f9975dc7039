"""The tasks of models: questions, prompts, packing, and parsing of answers; pure."""
