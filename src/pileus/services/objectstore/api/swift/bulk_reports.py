"""What comes back from work on many objects: a report, in the media type that `Accept` likes best."""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape

from pileus.kernel.rest import Answer
from pileus.services.objectstore.api.swift.listings import JSON, TEXT, XML, XML_OLD, best

Problems = Sequence[tuple[str, str]]
"""Names, and the status of each."""


def accepted(headers: Mapping[str, str]) -> str | None:
    """The media type of a report; None: none that could be given."""
    try:
        return best(headers.get("accept", ""), (TEXT, JSON, XML, XML_OLD))
    except Answer:
        return None


def media(headers: Mapping[str, str]) -> str:
    """The same, or plain text."""
    return accepted(headers) or TEXT


def rendered(kind: str, facts: Mapping[str, str | int], problems: Problems, root: str) -> bytes:
    """`facts` in their order, then what went wrong."""
    if kind == JSON:
        return json.dumps({**facts, "Errors": [list(one) for one in problems]}).encode()
    if kind in (XML, XML_OLD):
        lines = [f"<{(tag := _tag(name))}>{escape(str(value))}</{tag}>\n" for name, value in facts.items()]
        wrong = [
            f"<object><name>{escape(name)}</name><status>{escape(status)}</status></object>\n"
            for name, status in problems
        ]
        return f"<{root}>\n{''.join(lines)}<errors>\n{''.join(wrong)}</errors>\n</{root}>\n".encode()
    lines = [f"{name}: {value}\n" for name, value in facts.items()]
    return ("".join(lines) + "Errors:\n" + "".join(f"{name}, {status}\n" for name, status in problems)).encode()


def _tag(name: str) -> str:
    return name.replace(" ", "_").lower()


def named(name: str) -> str:
    """A name in a report."""
    return quote(name)
