"""Identity's work without end."""
