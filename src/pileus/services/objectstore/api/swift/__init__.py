"""Swift's API."""
