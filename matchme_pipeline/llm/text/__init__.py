"""Text that goes to a model and comes back: masking, sentences, quotes, token estimates; pure."""
