"""Uploads from a web page: a signed form whose files become objects."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

from pileus.kernel.rest import Answer
from pileus.kernel.types import SECOND, clock
from pileus.services.objectstore.api.forms import Malformed, Part, boundary_of, parts
from pileus.services.objectstore.api.swift.answers import PLAIN, bad, told
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.paths import Path
from pileus.services.objectstore.api.swift.removing import outcome, status_line
from pileus.services.objectstore.api.swift.signing import keys, lets, refused, scope_of

FIELD_MAX, FIELDS_MAX = 4096, 64
"""Bytes of a field, and how many of them."""
ON_FILES = ("x_delete_at", "x_delete_after")


class _TooLong(ValueError):
    """A file with more bytes than the form lets it have."""


def concerns(call: Call) -> bool:
    media = call.headers.get("content-type", "")
    return call.method == "POST" and media.lower().startswith("multipart/form-data") and boundary_of(media) is not None


async def take(call: Call) -> Answer:
    """Raises 400, 401."""
    boundary = boundary_of(call.headers["content-type"])
    assert boundary is not None
    form = _Form(call)
    try:
        async for part in parts(call.stream(), boundary):
            if part.file is not None:
                if not await form.put(part):
                    break
            else:
                await form.note(part)
    except Malformed:
        raise bad("FormPost: invalid starting boundary") from None
    return await form.answer()


class _Form:
    def __init__(self, call: Call) -> None:
        self._call = call
        self._fields: dict[str, str] = {}
        self._count = 0
        self._status, self._message = 0, ""

    async def note(self, part: Part) -> None:
        value = b""
        async for chunk in part.body:
            value += chunk
            if len(value) > FIELD_MAX:
                raise bad(f"FormPost: {part.name[:64]} is too long")
        if len(self._fields) >= FIELDS_MAX:
            raise bad("FormPost: too many fields")
        self._fields[part.name.strip().lower()] = value.decode("utf-8", "replace").strip()

    async def put(self, part: Part) -> bool:
        """One file; whether to go on."""
        if not part.file:
            return True
        self._count += 1
        if self._count > (self._number("max_file_count") or 0):
            self._status, self._message = 400, "max file count exceeded"
            return False
        call = await self._allowed()
        path = Path(call.path.account, call.path.container, _joined(call, part.file))
        headers = self._headers(part)
        if part.name == "" or not path.name:
            return True
        other = call.caused("PUT", path, headers, self._bounded(part.body))
        other.allowed = call.allowed
        try:
            status, body = await outcome(call.perform(other))
        except _TooLong:
            raise bad("FormPost: max_file_size exceeded") from None
        if status // 100 != 2:
            self._status, self._message = status, body
            return False
        return True

    def _headers(self, part: Part) -> Mapping[str, str]:
        found = {"transfer-encoding": "chunked"}
        for name in ("content-type", "content-encoding"):
            if part.headers.get(name):
                found[name] = part.headers[name].encode().decode("latin-1")
        for name in ON_FILES:
            text = self._fields.get(name)
            if text:
                if not (text.isascii() and text.lstrip("-").isdigit()):
                    what = "Unix timestamp" if name == "x_delete_at" else "Number of seconds"
                    raise bad(f"FormPost: {name} not an integer: {what} required.")
                found[name.replace("_", "-")] = text
        return found

    async def _bounded(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        left = self._number("max_file_size") or 0
        async for chunk in body:
            left -= len(chunk)
            if left < 0:
                raise _TooLong
            yield chunk

    def _number(self, name: str) -> int | None:
        """Raises 400."""
        text = self._fields.get(name, "")
        try:
            return int(text or "0")
        except ValueError:
            raise bad(f"FormPost: {'expired' if name == 'expires' else name} not an integer") from None

    async def _allowed(self) -> Call:
        """The call, when the form is signed. Raises 400, 401."""
        call = self._call
        if call.allowed is not None:
            return call
        expires = self._number("expires") or 0
        self._number("max_file_size")
        if expires < clock() // SECOND:
            raise refused("FormPost: Form Expired")
        names = ("redirect", "max_file_size", "max_file_count", "expires")
        message = "\n".join([_raw(call), *(self._fields.get(name, "") for name in names)])
        path = call.path
        candidates = keys(await call.see(), path)
        scope = scope_of(self._fields.get("signature", ""), [message], candidates) if path.container else None
        if scope is None:
            raise refused("FormPost: Invalid Signature")
        call.caller = None
        call.allowed = lets(scope, ("PUT",), lambda other: other[:2] == path[:2])
        return call

    async def answer(self) -> Answer:
        """303 to where the form says, else a plain text."""
        if not self._status:
            self._status = 201 if self._count else 400
            self._message = "" if self._count else "no files to process"
        message = self._message if self._message.startswith("<") else self._message.title()
        if message and not message.startswith("<"):
            message = f"FormPost: {message}"
        redirect = self._fields.get("redirect", "")
        if not redirect:
            body = message if message.startswith("<") else f"{status_line(self._status)}\r\n{message}".rstrip("\r\n")
            return told(self._status, body, media=PLAIN)
        await self._allowed()
        place = f"{redirect}{'&' if '?' in redirect else '?'}status={self._status}&message={quote(message)}"
        link = place.replace('"', "%22").replace("<", "%3C").replace(">", "%3E")
        page = f'<html><body><p><a href="{link}">Click to continue...</a></p></body></html>'
        return told(303, page, {"Location": place})


def _joined(call: Call, file: str) -> str:
    """The object's name: the path's, then the file's."""
    return f"{call.path.name}{file}"


def _raw(call: Call) -> str:
    """The path as the form was made for it."""
    path = call.path
    return "/v1/" + "/".join(filter(None, path)) + ("/" if not path.name and call.request.path.endswith("/") else "")
