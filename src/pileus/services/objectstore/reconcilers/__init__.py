"""Work of the object store that never ends."""
