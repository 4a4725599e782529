"""Tables and queries of image."""
