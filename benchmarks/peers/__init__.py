"""Other programs that train the same models: each is used where it is installed, written as that program does it best."""
