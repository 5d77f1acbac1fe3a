"""What draws, and what writes tables and files; it knows no model."""
