"""The notebook's two items, done and answered with evidence.

Its own words are the two answers. What else is said of them, item 1 place by place and item 2 size by size, what is left out and
which command shows it, is worded in `headlab.report.words`.
"""
