"""Lifecycle rules of a bucket."""

from collections.abc import Mapping, Set
from typing import Any
from xml.etree.ElementTree import Element

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import DAY, Micros, new_id, parse
from pileus.services.objectstore.api.s3 import actions, answers, bodies, tags, xml
from pileus.services.objectstore.api.s3.address import Address
from pileus.services.objectstore.api.s3.faults import fault
from pileus.services.objectstore.api.s3.operations.buckets import find
from pileus.services.objectstore.core import containers, lifecycle
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.lifecycle import Rule
from pileus.services.objectstore.core.neighbours import Neighbours

_MOST = 1000
_ACTIONS: Mapping[str, Set[str]] = {
    "Expiration": {"Days", "Date", "ExpiredObjectDeleteMarker"},
    "NoncurrentVersionExpiration": {"NoncurrentDays", "NewerNoncurrentVersions"},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation"},
}
_REFUSED = ("Transition", "NoncurrentVersionTransition")


async def get_rules(near: Neighbours, request: Request, where: Address) -> Answer:
    row = await near.db.read(find, near, request, where.bucket, actions.GET_LIFECYCLE)
    rules = lifecycle.read(row.kept.system)
    if not rules:
        raise fault("NoSuchLifecycleConfiguration")
    return answers.document("LifecycleConfiguration", [("Rule", _shown(rule)) for rule in rules])


async def put_rules(near: Neighbours, request: Request, where: Address) -> Answer:
    root = await bodies.document(request, "LifecycleConfiguration")
    rules = [_read(one) for one in root.findall("Rule")]
    if not 0 < len(rules) <= _MOST:
        raise fault("MalformedXML")
    if len({rule.id for rule in rules}) < len(rules):
        raise fault("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
    await near.db.write(_set, near, request, where.bucket, lifecycle.kept(rules))
    return Answer(200, raw=b"", media=answers.XML)


async def delete_rules(near: Neighbours, request: Request, where: Address) -> Answer:
    await near.db.write(_set, near, request, where.bucket, "")
    return Answer(204)


def _set(tx: Tx, near: Neighbours, request: Request, name: str, text: str) -> None:
    row = find(tx, near, request, name, actions.PUT_LIFECYCLE)
    containers.update(tx, near, request.ctx, row, Change(system={lifecycle.KEPT: text}))


def _read(one: Element) -> Rule:
    for name in _REFUSED:
        if one.find(name) is not None:
            raise fault("NotImplemented", "There is one storage class: objects do not move to another.")
    _only(one, {"ID", "Status", "Filter", "Prefix", *_ACTIONS})
    for name, inner in _ACTIONS.items():
        if (found := one.find(name)) is not None:
            _only(found, inner)
    status, id = xml.text_of(one, "Status"), xml.text_of(one, "ID") or new_id()
    if status not in ("Enabled", "Disabled"):
        raise fault("MalformedXML")
    if len(id) > 255:
        raise fault("InvalidArgument", "ID length should not exceed allowed limit of 255")
    ends, old = one.find("Expiration"), one.find("NoncurrentVersionExpiration")
    rule = Rule(
        id=id,
        enabled=status == "Enabled",
        **_filter(one),
        days=_number(ends, "Days"),
        date=_date(ends),
        markers=ends is not None and xml.text_of(ends, "ExpiredObjectDeleteMarker") == "true",
        noncurrent_days=_number(old, "NoncurrentDays"),
        noncurrent_kept=_number(old, "NewerNoncurrentVersions"),
        upload_days=_number(one.find("AbortIncompleteMultipartUpload"), "DaysAfterInitiation"),
    )
    if not (rule.days or rule.date or rule.markers or rule.noncurrent_days or rule.upload_days):
        raise fault("InvalidRequest", "At least one action needs to be specified in a rule.")
    if bool(rule.days) + bool(rule.date) + rule.markers > 1:
        raise fault("MalformedXML")
    if rule.upload_days and (rule.tags or rule.larger >= 0 or rule.smaller >= 0):
        raise fault("InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Tags or sizes.")
    return rule


def _only(element: Element, names: Set[str], many: str = "") -> None:
    """A rule that is half understood would end too much. Raises `MalformedXML` for what it may not have, or has twice."""
    given = [child.tag for child in element if child.tag != many]
    if len(set(given)) < len(given) or not names >= set(given):
        raise fault("MalformedXML")


def _filter(one: Element) -> dict[str, Any]:
    found = one.find("Filter")
    if found is None:
        if one.find("Prefix") is None:
            raise fault("MalformedXML")
        return {"prefix": one.findtext("Prefix") or "", "plain": True}
    if one.find("Prefix") is not None:
        raise fault("MalformedXML")
    inner = found.find("And")
    source = inner if inner is not None else found
    marks = {"Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan"}
    _only(source, marks if inner is not None else {*marks, "And", "Tag"}, many="Tag" if inner is not None else "")
    pairs = [(tag.findtext("Key") or "", tag.findtext("Value") or "") for tag in source.findall("Tag")]
    if inner is None and len(list(found)) > 1:
        raise fault("MalformedXML")
    return {
        "prefix": source.findtext("Prefix") or "",
        "tags": tags.checked(pairs, tags.ON_OBJECT),
        "larger": _number(source, "ObjectSizeGreaterThan", -1, least=0),
        "smaller": _number(source, "ObjectSizeLessThan", -1, least=0),
    }


def _number(element: Element | None, name: str, default: int = 0, *, least: int = 1) -> int:
    if element is None or element.find(name) is None:
        return default
    text = xml.text_of(element, name)
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) >= least):
        raise fault("InvalidArgument", f"'{name}' must be a positive integer", ArgumentName=name, ArgumentValue=text)
    return int(text)


def _date(ends: Element | None) -> Micros:
    if ends is None or ends.find("Date") is None:
        return 0
    try:
        at = parse(xml.text_of(ends, "Date"))
    except (ValueError, OverflowError):
        raise fault("MalformedXML") from None
    if at % DAY:
        raise fault("InvalidArgument", "'Date' must be at midnight GMT")
    return at


def _shown(rule: Rule) -> list[xml.Node]:
    marks: list[xml.Node] = [("Tag", [("Key", key), ("Value", value)]) for key, value in rule.tags.items()]
    if rule.larger >= 0:
        marks.append(("ObjectSizeGreaterThan", rule.larger))
    if rule.smaller >= 0:
        marks.append(("ObjectSizeLessThan", rule.smaller))
    if rule.prefix or not marks:
        marks.insert(0, ("Prefix", rule.prefix))
    body: list[xml.Node] = [("ID", rule.id), ("Status", "Enabled" if rule.enabled else "Disabled")]
    body += marks if rule.plain else [("Filter", marks if len(marks) == 1 else [("And", marks)])]
    if rule.days or rule.date or rule.markers:
        date = answers.moment(rule.date) if rule.date else None
        marker = True if rule.markers else None
        body.append(
            ("Expiration", [("Days", rule.days or None), ("Date", date), ("ExpiredObjectDeleteMarker", marker)])
        )
    if rule.noncurrent_days:
        newer = rule.noncurrent_kept or None
        old: list[xml.Node] = [("NoncurrentDays", rule.noncurrent_days), ("NewerNoncurrentVersions", newer)]
        body.append(("NoncurrentVersionExpiration", old))
    if rule.upload_days:
        body.append(("AbortIncompleteMultipartUpload", [("DaysAfterInitiation", rule.upload_days)]))
    return body


OPERATIONS = {
    ("GET", "/bucket?lifecycle"): (get_rules, "When objects of a bucket end."),
    ("PUT", "/bucket?lifecycle"): (put_rules, "Let objects, versions and uploads end by rules."),
    ("DELETE", "/bucket?lifecycle"): (delete_rules, "Let nothing end by itself."),
}
