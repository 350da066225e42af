"""Sentences and ids: what is trained on, and what can be said about it before any training."""
