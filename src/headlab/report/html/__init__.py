"""What is shown as a page."""
