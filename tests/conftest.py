"""Fixtures that every test may ask for."""

from databases import database, database_url

__all__ = ["database", "database_url"]
