"""Temporary URLs: `?temp_url_sig=…&temp_url_expires=…` lets anybody do one thing to one object for a while."""

import ipaddress
from calendar import timegm
from email.utils import formatdate
from time import strptime
from urllib.parse import quote

from pileus.kernel.rest import Answer
from pileus.kernel.types import SECOND, clock
from pileus.services.objectstore.api.swift import website
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.call import Call, Signed
from pileus.services.objectstore.api.swift.metadata import title
from pileus.services.objectstore.api.swift.paths import Path
from pileus.services.objectstore.api.swift.signing import given, keys, lets, refused, scope_of

METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
FORBIDDEN = ("x-object-manifest", "x-copy-from", "x-symlink-target")
"""Headers that would reach further than the URL."""
REMOVED, KEPT = "x-object-meta-", "x-object-meta-public-"
"""Metadata that readers of the URL do not see, but for those."""
INVALID = "401 Unauthorized: Temp URL invalid\n"
_LAST = 253_402_300_799
"""The last second that a date in a header can name."""
_FORMS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")


def concerns(call: Call) -> bool:
    return call.method != "OPTIONS" and (call.query.has("temp_url_sig") or call.query.has("temp_url_expires"))


async def admit(call: Call) -> None:
    """Lets the call through whoever asks, when its URL is signed. Raises 400, 401."""
    signature, expires = _said(call, "temp_url_sig") or "", moment(_said(call, "temp_url_expires") or "")
    path, method = call.path, call.method
    prefix, network = _said(call, "temp_url_prefix"), (_said(call, "temp_url_ip_range") or None)
    whole = method in ("GET", "HEAD") and prefix == "" and bool(path.container)  # a site from its root on
    if not (signature and expires and (path.name or whole) and method in METHODS and expires > clock() // SECOND):
        raise refused(INVALID)
    if prefix is not None and not path.name.startswith(prefix):
        raise refused(INVALID)
    if network is not None and not _within(call.request.ctx.address, network):
        raise refused(INVALID)
    scene = await call.see()
    signed = ("HEAD", "GET", "PUT", "POST") if method == "HEAD" else (method,)
    messages = [_message(one, expires, path, prefix, network) for one in signed]
    scope = scope_of(signature, messages, keys(scene, path))
    if scope is None or not (path.name or website.is_site(scene)):
        raise refused(INVALID)
    if call.query.one("multipart-manifest") == "put" and method == "PUT":
        raise told(400, "A manifest is not allowed in this tempurl")
    for name in FORBIDDEN:
        if name in call.headers and method in ("PUT", "POST"):
            raise told(400, f"The header {title(name)!r} is not allowed in this tempurl")
    call.caller = None
    call.allowed = lets(scope, (method,), lambda other: other == path)
    call.signed = Signed() if prefix is None else Signed(prefix, _carried(call, prefix, network))


def _carried(call: Call, prefix: str, network: str | None) -> str:
    """The query of links on a page that a prefix lets through."""
    digest = given(_said(call, "temp_url_sig") or "")
    words = {"temp_url_prefix": prefix, "temp_url_expires": _said(call, "temp_url_expires") or ""}
    words["temp_url_sig"] = digest[1] if digest is not None else ""
    if network is not None:
        words["temp_url_ip_range"] = network
    text = "&".join(f"{name}={quote(value)}" for name, value in words.items())
    return f"?{text}&inline" if call.query.has("inline") else f"?{text}"


def _said(call: Call, name: str) -> str | None:
    """A parameter as it came first: what somebody adds behind counts for nothing."""
    return next(iter(call.query.all(name)), None)


def moment(text: str) -> int:
    """Seconds since 1970 of a number or a date; 0 for neither."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 13:
        return int(text)
    for form in _FORMS:
        try:
            return timegm(strptime(text, form))
        except ValueError:
            continue
    return 0


def _message(method: str, expires: int, path: Path, prefix: str | None, network: str | None) -> str:
    whole = f"/v1/{path.account}/{path.container}/"
    place = whole + path.name if prefix is None else f"prefix:{whole}{prefix}"
    return f"{f'ip={network}{chr(10)}' if network is not None else ''}{method}\n{expires}\n{place}"


def _within(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return False


def dressed(call: Call, answer: Answer) -> Answer:
    """An answer as the URL's reader gets it: no private metadata, and a name to save it under."""
    for name in [n for n in answer.headers if n.lower().startswith(REMOVED) and not n.lower().startswith(KEPT)]:
        del answer.headers[name]
    if call.method not in ("GET", "HEAD") or answer.status // 100 != 2:
        return answer
    if not (call.path.name or call.listed):
        raise refused(INVALID)
    wanted, inline = _said(call, "filename"), call.query.has("inline") or call.listed
    own = answer.headers.get("Content-Disposition")
    if wanted or not inline:
        if not (own and not wanted):
            name = wanted or call.path.name.rstrip("/").rpartition("/")[2]
            kind = "inline" if inline else "attachment"
            answer.headers["Content-Disposition"] = (
                f"{kind}; filename=\"{quote(name, ' /')}\"; filename*=UTF-8''{quote(name)}"
            )
    else:
        answer.headers["Content-Disposition"] = "inline"
    answer.headers["Expires"] = formatdate(min(moment(_said(call, "temp_url_expires") or ""), _LAST), usegmt=True)
    return answer
