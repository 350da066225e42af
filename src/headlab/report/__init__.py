"""What a person sees: tables, figures, the homework's answers, and the HTML page."""
