"""Virtual networks: segments, addresses, routers, security groups on real traffic."""
