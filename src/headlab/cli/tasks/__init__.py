"""`headlab tasks`: the gallery's commands."""
