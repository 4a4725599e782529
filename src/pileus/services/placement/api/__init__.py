"""The face of placement."""
