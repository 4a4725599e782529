"""Network: networks, subnets, ports, routers, floating IPs and security groups behind the Networking API v2.0."""
