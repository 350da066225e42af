"""`headlab homework`: an assignment written, handed out as one file, and graded by running it again."""
