"""What a trained model does: predictions, layers, circuits, attribution. Arrays in, arrays and tables out."""
