"""Tables and queries of compute."""
