"""The one MetaData, and column types that store and compare alike on both databases."""

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Boolean, MetaData, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
"""Every table of every service, `<service>_<noun>`. Constraints have names: `Duplicate` tells which one struck."""


class Time(BigInteger):
    """`Micros`: microseconds since 1970 UTC."""


Flag = Boolean
"""True or False; an integer on SQLite."""


class Json(TypeDecorator[Any]):
    """Any JSON value, kept as text; `Json(list[str])` reads back as that type. None is NULL."""

    impl = Text
    cache_ok = True

    def __init__(self, into: Any = Any) -> None:
        super().__init__()
        self.into = into
        self._decode = msgspec.json.Decoder(into).decode

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else self._decode(value)
