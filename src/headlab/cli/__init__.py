"""The command line: a command a file, one thin command a library verb. Only here are results printed."""
