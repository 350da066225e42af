"""What is shown in a notebook."""
