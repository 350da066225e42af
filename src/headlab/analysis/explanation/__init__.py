"""What may be said about a run, and the evidence for it."""
