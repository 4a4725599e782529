"""Small libraries, each usable alone; none has heard of a service."""
