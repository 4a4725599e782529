"""Identity's face: the v3 API."""
