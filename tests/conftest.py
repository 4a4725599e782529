"""Fixtures that every test may ask for."""

from databases import database, database_url, postgresql, product, ready_url

__all__ = ["database", "database_url", "postgresql", "product", "ready_url"]
