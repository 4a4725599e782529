"""Tables and queries of placement."""
