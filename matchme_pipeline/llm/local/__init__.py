"""Models that need no network: sentence embeddings from a package, insights by comparison, composed starters."""
