"""Stores of bytes: image data and object data."""
