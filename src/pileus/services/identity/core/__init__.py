"""Identity's decisions."""
