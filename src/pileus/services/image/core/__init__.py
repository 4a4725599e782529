"""Decisions about images."""
