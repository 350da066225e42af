"""The notebook's two items, done and answered with evidence."""
