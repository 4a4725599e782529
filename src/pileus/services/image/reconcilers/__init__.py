"""Work of image that never ends."""
