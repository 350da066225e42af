"""How things are written wherever people read: numbers, values and lists, characters that nobody sees, tables as CSV."""
