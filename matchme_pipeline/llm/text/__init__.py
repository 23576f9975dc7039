"""Text on its way to a model and back: masking, sentences, quotes, token estimates; pure."""
