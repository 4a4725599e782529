"""The one database: two-coloured transactions, precompiled queries, pages of lists, signals."""

from pileus.kernel.db import signals
from pileus.kernel.db.backups import restore
from pileus.kernel.db.columns import Flag, Json, Time, metadata
from pileus.kernel.db.database import Database
from pileus.kernel.db.pages import Page, page
from pileus.kernel.db.queries import Query
from pileus.kernel.db.refusals import Duplicate, ForeignDatabase, MarkerMissing, NewerDatabase
from pileus.kernel.db.signals import Signal
from pileus.kernel.db.stamps import Stamps
from pileus.kernel.db.transactions import Tx

__all__ = [
    "Database",
    "Duplicate",
    "Flag",
    "ForeignDatabase",
    "Json",
    "MarkerMissing",
    "NewerDatabase",
    "Page",
    "Query",
    "Signal",
    "Stamps",
    "Time",
    "Tx",
    "metadata",
    "page",
    "restore",
    "signals",
]
