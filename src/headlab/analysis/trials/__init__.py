"""What becomes of a choice after an intervention."""
