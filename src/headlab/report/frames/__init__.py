"""What the page's views draw, as frames."""
