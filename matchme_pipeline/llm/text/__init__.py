"""Texts for and from models: masking, sentences, quotes, token estimates; pure."""
