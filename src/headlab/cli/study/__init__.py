"""`headlab study`: what may be asked of conditions × seeds, a file a kind of question."""
