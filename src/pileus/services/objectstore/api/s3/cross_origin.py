"""CORS: the rules of a bucket, preflights, and what answers to browsers say."""

import json
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

import msgspec
from msgspec import Struct

from pileus.services.objectstore.api.s3 import xml
from pileus.services.objectstore.api.s3.faults import fault

KEPT = "cors"
_METHODS = frozenset({"GET", "PUT", "HEAD", "POST", "DELETE"})
_MOST = 100


class Rule(Struct, frozen=True, omit_defaults=True):
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    age: int | None = None
    id: str = ""

    def fits(self, origin: str, method: str, headers: Sequence[str] = ()) -> bool:
        return (
            method in self.methods
            and any(_like(pattern, origin) for pattern in self.origins)
            and all(any(_like(pattern.lower(), name) for pattern in self.headers) for name in headers)
        )

    def allowed_origin(self, origin: str) -> str:
        return "*" if "*" in self.origins else origin


def _like(pattern: str, text: str) -> bool:
    """One `*` stands for anything."""
    head, star, tail = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(head) + len(tail) and text.startswith(head) and text.endswith(tail)


def of_document(root: Element) -> str:
    """A `CORSConfiguration` as it is kept."""
    rules = []
    for one in root.findall("CORSRule"):
        said = {
            name: tuple((found.text or "").strip() for found in one.findall(tag))
            for name, tag in (
                ("origins", "AllowedOrigin"),
                ("methods", "AllowedMethod"),
                ("headers", "AllowedHeader"),
                ("exposed", "ExposeHeader"),
            )
        }
        age = xml.text_of(one, "MaxAgeSeconds")
        if (
            not said["origins"]
            or not said["methods"]
            or (age and not (age.isascii() and age.isdigit() and len(age) < 10))
        ):
            raise fault("MalformedXML")
        for method in said["methods"]:
            if method not in _METHODS:
                raise fault(
                    "InvalidRequest", f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                )
        for pattern in (*said["origins"], *said["headers"]):
            if pattern.count("*") > 1:
                raise fault("InvalidRequest", f'AllowedOrigin "{pattern}" can not have more than one wildcard.')
        rules.append(Rule(**said, age=int(age) if age else None, id=xml.text_of(one, "ID")))
    if not 0 < len(rules) <= _MOST:
        raise fault("MalformedXML")
    return json.dumps(msgspec.to_builtins(rules))


def read(system: Mapping[str, str]) -> list[Rule]:
    text = system.get(KEPT)
    return msgspec.json.decode(text, type=list[Rule]) if text else []


def shown(rules: Sequence[Rule]) -> list[xml.Node]:
    body: list[xml.Node] = []
    for rule in rules:
        lines: list[xml.Node] = [("ID", rule.id or None)]
        lines += [("AllowedOrigin", one) for one in rule.origins]
        lines += [("AllowedMethod", one) for one in rule.methods]
        lines += [("AllowedHeader", one) for one in rule.headers]
        lines += [("ExposeHeader", one) for one in rule.exposed]
        lines.append(("MaxAgeSeconds", rule.age))
        body.append(("CORSRule", lines))
    return body


def headers_of(rule: Rule, origin: str) -> dict[str, str]:
    """What an answer to a browser says."""
    said = {
        "Access-Control-Allow-Origin": rule.allowed_origin(origin),
        "Access-Control-Allow-Methods": ", ".join(rule.methods),
        "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    }
    if rule.exposed:
        said["Access-Control-Expose-Headers"] = ", ".join(rule.exposed)
    if rule.age is not None:
        said["Access-Control-Max-Age"] = str(rule.age)
    if said["Access-Control-Allow-Origin"] != "*":
        said["Access-Control-Allow-Credentials"] = "true"
    return said
