"""What a person sees: tables, figures, the homework's answers, and the HTML page."""

from pathlib import Path

PAGE = Path(__file__).parent / "page"  # the lab's page and the views of reports and notebooks, built from web/
