"""An assignment: what is asked, of which experiments, what may be changed, and how each answer is measured."""
