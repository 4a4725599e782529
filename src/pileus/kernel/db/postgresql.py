"""PostgreSQL: to come."""

from typing import Any


def PostgresqlStore(url: Any) -> Any:  # noqa: N802
    raise NotImplementedError("PostgreSQL")
