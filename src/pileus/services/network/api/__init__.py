"""The Networking API v2.0: the only room of network that knows HTTP's words."""
