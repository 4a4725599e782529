"""Tables and queries of network: the only room with SQL."""
