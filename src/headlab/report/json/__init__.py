"""What is shown as JSON, for scripts: strict, every number in full."""
