"""What an instructor hands out, and reads: an assignment as files for students, for grading machines, and for people."""
