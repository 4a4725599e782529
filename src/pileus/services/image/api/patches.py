"""Bodies that change an image: JSON patches in two dialects, told apart by their media type."""

import re
from collections.abc import Mapping

from msgspec.structs import replace

from pileus.kernel.rest import Validator, validator
from pileus.kernel.types import Invalid, Unsupported
from pileus.services.image.api import schemas
from pileus.services.image.api.dialect import no_match
from pileus.services.image.core import names
from pileus.services.image.core.changes import Change
from pileus.services.image.core.settings import ImageSettings

MEDIA = {
    "application/openstack-images-v2.0-json-patch": 4,
    "application/openstack-images-v2.1-json-patch": 10,
}
"""Media type -> draft of JSON patch."""
_OPS = ("add", "remove", "replace")
_ADJACENT = re.compile(r"/\s*?/")
_ESCAPES = re.compile(r"~[^01]|~\Z")


class Patches:
    """Reads patches; holds one validator for each attribute."""

    def __init__(self, settings: ImageSettings) -> None:
        whole = schemas.new_image(settings)
        self._attributes: dict[str, Validator] = {
            name: validator(schema) for name, schema in whole["properties"].items()
        }
        self._property: Validator = validator(whole["additionalProperties"])

    def read(self, media: str, body: object) -> list[Change]:
        """Raises `Unsupported`, `Invalid`, and `Forbidden` for what nobody may change."""
        draft = MEDIA.get(media.partition(";")[0].strip().lower())
        if draft is None:
            allowed = ", ".join(sorted(MEDIA))
            fault = Unsupported(f"Image PATCH expects Content-Type one of: {allowed}")
            fault.headers["Accept-Patch"] = allowed
            raise fault
        if not isinstance(body, list):
            raise Invalid("Request body must be a JSON array of operation objects.")
        return [self._change(one, draft) for one in body]

    def _change(self, raw: object, draft: int) -> Change:
        if not isinstance(raw, Mapping):
            raise Invalid("Operations must be JSON objects.")
        op, pointer = _recent(raw) if draft == 10 else _old(raw)
        path = _path(pointer)
        if len(path) != (2 if path[0] == "locations" and op != "replace" else 1):
            raise Invalid(f"Invalid JSON pointer for this resource: '/{'/'.join(path)}'")
        if op != "remove" and "value" not in raw:
            raise Invalid(f'Operation "{op}" requires a member named "value".')
        value = raw.get("value")
        name = path[0]
        if name != "locations":
            names.check_changed(name)
            if op != "remove":
                self._check(name, value)
        return Change(op, name, value, fresh=op == "add" and draft == 4)  # type: ignore[arg-type]

    def _check(self, name: str, value: object) -> None:
        """The schema's part of it; `core` knows the rest."""
        problems = self._attributes.get(name, self._property).problems(value)
        if problems:
            raise no_match(replace(problems[0], path=(name, *problems[0].path)))


def _recent(raw: Mapping[str, object]) -> tuple[str, object]:
    available = f"It must be one of the following: {', '.join(_OPS)}."
    op = raw.get("op")
    if op is None:
        raise Invalid(f"Unable to find `op` in JSON Schema change. {available}")
    if op not in _OPS:
        raise Invalid(f"Invalid operation: `{op}`. {available}")
    if "path" not in raw:
        raise Invalid("Unable to find 'path' in JSON Schema change")
    return str(op), raw["path"]


def _old(raw: Mapping[str, object]) -> tuple[str, object]:
    found = [op for op in _OPS if op in raw]
    if len(found) != 1:
        many = "only" if found else "exactly"
        raise Invalid(f'Operation objects must contain {many} one member named "add", "remove", or "replace".')
    return found[0], raw[found[0]]


def _path(pointer: object) -> list[str]:
    if not isinstance(pointer, str):
        raise Invalid(f"Pointer `{pointer}` is not a string.")
    if not pointer.startswith("/"):
        raise Invalid(f'Pointer `{pointer}` does not start with "/".')
    if _ADJACENT.search(pointer[1:]):
        raise Invalid(f'Pointer `{pointer}` contains adjacent "/".')
    if len(pointer) > 1 and pointer.endswith("/"):
        raise Invalid(f'Pointer `{pointer}` end with "/".')
    if not pointer[1:].strip():
        raise Invalid(f"Pointer `{pointer}` does not contains valid token.")
    if _ESCAPES.search(pointer):
        raise Invalid(f'Pointer `{pointer}` contains "~" not part of a recognized escape sequence.')
    return [part.replace("~1", "/").replace("~0", "~").strip() for part in pointer.lstrip("/").split("/")]
