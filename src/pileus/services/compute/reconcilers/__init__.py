"""Work of compute without end."""
