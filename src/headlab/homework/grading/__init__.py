"""Handed-in answers, graded by training their runs again: a folder of files in, points with reasons out.

Nothing in a file is trusted: a run counts where its weights, trained here, have the hash that the file says, and every answer
is judged against that run. What cannot be settled so, who did it and what a sentence is worth, is listed, and left to a person.
"""
