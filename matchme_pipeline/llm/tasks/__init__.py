"""What models are asked: questions, prompts, packing, and how answers are read; pure."""
