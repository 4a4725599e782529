"""Work without end of network: what the hosts' drivers must make true."""
