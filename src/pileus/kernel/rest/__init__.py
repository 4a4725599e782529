"""HTTP as OpenStack speaks it: declared resources, microversions, streams, error forms, discovery, OpenAPI."""

from pileus.kernel.rest.declared import action, creates, deletes, lists, route, shows, stream, updates
from pileus.kernel.rest.dialect import Dialect
from pileus.kernel.rest.entry import Door, Entry, EntrySettings, Socket
from pileus.kernel.rest.face import Authenticate, Face, absent
from pileus.kernel.rest.fields import UNSET, Field
from pileus.kernel.rest.front import Front
from pileus.kernel.rest.openapi import document
from pileus.kernel.rest.operations import Operation
from pileus.kernel.rest.remembered import Remembered
from pileus.kernel.rest.request import Answer, ClientGone, Query, Request, Target, decode
from pileus.kernel.rest.resource import Resource
from pileus.kernel.rest.schemas import (
    ANY,
    BOOLEAN,
    MOMENT,
    NULL,
    UUID,
    Problem,
    Schema,
    Validator,
    Versioned,
    VersionedValidator,
    array,
    choice,
    integer,
    nullable,
    obj,
    one,
    text,
    validator,
)
from pileus.kernel.rest.server import Listeners, PortTaken, Tls
from pileus.kernel.rest.service import Service

__all__ = [
    "ANY",
    "BOOLEAN",
    "MOMENT",
    "NULL",
    "UNSET",
    "UUID",
    "Answer",
    "Authenticate",
    "ClientGone",
    "Dialect",
    "Door",
    "Entry",
    "EntrySettings",
    "Face",
    "Field",
    "Front",
    "Listeners",
    "Operation",
    "PortTaken",
    "Problem",
    "Query",
    "Remembered",
    "Request",
    "Resource",
    "Schema",
    "Service",
    "Socket",
    "Target",
    "Tls",
    "Validator",
    "Versioned",
    "VersionedValidator",
    "absent",
    "action",
    "array",
    "choice",
    "creates",
    "decode",
    "deletes",
    "document",
    "integer",
    "lists",
    "nullable",
    "obj",
    "one",
    "route",
    "shows",
    "stream",
    "text",
    "updates",
    "validator",
]  # fmt: skip
