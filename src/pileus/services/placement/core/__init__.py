"""Decisions of placement."""
