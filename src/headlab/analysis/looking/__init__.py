"""What trained models compute: predictions, patterns, circuits."""
