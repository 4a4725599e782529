"""Long work of compute, with an end and an undo."""
