"""Tables and queries of the object store."""
