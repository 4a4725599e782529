"""Fixtures that every test may ask for."""

import inspect

import httpx
from hypothesis import HealthCheck, settings

from databases import database, database_url, postgresql, product, ready_url

PATIENCE = inspect.signature(httpx.get).parameters["timeout"].default
PATIENCE.connect = PATIENCE.read = PATIENCE.write = PATIENCE.pool = 120
"""What a request without a timeout of its own waits; httpx's 5 s are less than a busy machine may pause."""

settings.register_profile("patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

__all__ = ["database", "database_url", "postgresql", "product", "ready_url"]
