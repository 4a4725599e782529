"""When a rule of the bucket ends an object or an upload, as headers say it."""

from functools import lru_cache
from urllib.parse import quote

from pileus.services.objectstore.api.s3 import answers, tags
from pileus.services.objectstore.core import lifecycle
from pileus.services.objectstore.core.lifecycle import Rule
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow
from pileus.services.objectstore.db.uploads import UploadRow


def header(row: ContainerRow, made: ObjectRow) -> dict[str, str]:
    """Of a current object: the first of the rules that will end it, or its own `X-Delete-At`."""
    found = [(made.delete_at, "delete-at")] if made.delete_at else []
    rules = _rules(row.kept.system.get(lifecycle.KEPT, ""))
    if rules:
        had = tags.read(made.kept.system)
        found += [(rule.end(made.stamp), rule.id) for rule in rules if rule.end(made.stamp) and rule.covers(made, had)]
    if not found:
        return {}
    at, rule = min(found)
    return {"x-amz-expiration": f'expiry-date="{answers.http_date(at)}", rule-id="{quote(rule)}"'}


def of_upload(row: ContainerRow, upload: UploadRow) -> dict[str, str]:
    """Of an upload under way."""
    rules = _rules(row.kept.system.get(lifecycle.KEPT, ""))
    found = [
        (lifecycle.due(upload.created_at, rule.upload_days), rule.id)
        for rule in rules
        if rule.upload_days and upload.name.startswith(rule.prefix)
    ]
    if not found:
        return {}
    at, rule = min(found)
    return {"x-amz-abort-date": answers.http_date(at), "x-amz-abort-rule-id": quote(rule)}


@lru_cache(maxsize=256)
def _rules(text: str) -> tuple[Rule, ...]:
    """Those in force: read once for each wording."""
    return tuple(rule for rule in lifecycle.read({lifecycle.KEPT: text}) if rule.enabled) if text else ()
