"""Pages of accounts and containers: what a query asks for, and the page as text, JSON or XML."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from msgspec import Struct

from pileus.kernel.rest import Query
from pileus.services.objectstore.api.swift.answers import told, unmet
from pileus.services.objectstore.core.listings import Wanted

TEXT, JSON, XML, XML_OLD = "text/plain", "application/json", "application/xml", "text/xml"
FORMATS = {"json": JSON, "xml": XML}
XML_FIELDS = ("name", "hash", "bytes", "content_type", "last_modified")
"""Of an object: what JSON has beside, XML never had."""
TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})


class Asked(Struct, frozen=True):
    """A page of names, and how it is to be written."""

    media: str
    vary: bool
    """The media type came from `Accept`, not from `?format=`."""
    wanted: Wanted


def truth(value: str | None) -> bool:
    return (value or "").lower() in TRUE


def asked(query: Query, headers: Mapping[str, str], most: int, folders: bool = False) -> Asked:
    """What the query string and `Accept` ask for. Raises 400, 406, 412. `most`: items of a page. `folders`: `?path=` has a meaning here."""
    media, vary = media_of(query, headers)
    words = {name: query.one(name) or "" for name in ("marker", "end_marker", "prefix", "delimiter")}
    path = (query.one("path") or "") if folders and query.has("path") else None
    limit = _limit(query.one("limit"), most)
    if any("\0" in word for word in (*words.values(), path or "")):
        words, limit = (
            _without_nul(words, truth(query.one("reverse"))),
            0 if "\0" in words["prefix"] + (path or "") else limit,
        )
    wanted = Wanted(
        **words, path=path.partition("\0")[0] if path else path, reverse=truth(query.one("reverse")), limit=limit
    )
    return Asked(media, vary, wanted)


def _without_nul(words: Mapping[str, str], reverse: bool) -> dict[str, str]:
    """The same page: no name has a NUL, and databases do not take one. `a` and a NUL stands right behind `a`."""
    low, high = ("end_marker", "marker") if reverse else ("marker", "end_marker")
    return {
        low: words[low].partition("\0")[0],
        high: words[high].replace("\0", "\x01"),
        "prefix": words["prefix"].partition("\0")[0],
        "delimiter": "" if "\0" in words["delimiter"] else words["delimiter"],
    }


def _limit(text: str | None, most: int) -> int:
    if not text or not text.isascii() or not text.isdigit():
        return most
    if len(text) > 9 or int(text) > most:
        raise unmet(f"Maximum limit is {most}")
    return int(text)


def media_of(query: Query, headers: Mapping[str, str]) -> tuple[str, bool]:
    """The media type of a listing, and whether it depends on `Accept`. Raises 406."""
    asked_for = query.one("format")
    if asked_for is not None:
        return FORMATS.get(asked_for.lower(), TEXT), False
    found = best(headers.get("accept", ""), (TEXT, JSON, XML, XML_OLD))
    if found is None:
        raise told(406)
    return found, True


def best(accept: str, offers: Sequence[str]) -> str | None:
    """Which of `offers` an `Accept` header likes best; the first of them when it says nothing. Raises 400."""
    if not accept.strip():
        return offers[0]
    marks = {}
    for part in accept.split(","):
        media, *parameters = (word.strip() for word in part.split(";"))
        if "/" not in media:
            raise told(400, "Invalid Accept header")
        marks[media.lower()] = _mark(parameters)
    scored = [(_likes(marks, offer), offer) for offer in offers]
    top = max(score for score, _ in scored)
    return next(offer for score, offer in scored if score == top) if top[0] > 0 else None


def _mark(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value.strip())
            except ValueError:
                raise told(400, "Invalid Accept header") from None
    return 1.0


def _likes(marks: Mapping[str, float], offer: str) -> tuple[float, int]:
    """(quality, how exactly the offer is named)."""
    for exactness, pattern in ((2, offer), (1, offer.partition("/")[0] + "/*"), (0, "*/*")):
        if pattern in marks:
            return marks[pattern], exactness
    return 0.0, 0


def rendered(media: str, root: str, name: str, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A page's body. `root`: `account` or `container`; a row is `{"subdir": …}` or the fields in their order."""
    if media == JSON:
        return json.dumps(rows).encode()
    if media == TEXT:
        return "".join(f"{row.get('subdir') or row['name']}\n" for row in rows).encode()
    return _xml(root, name, rows)


def _xml(root: str, name: str, rows: Sequence[Mapping[str, Any]]) -> bytes:
    account = root == "account"
    parts = [_account_entry(row) if account else _entry("object", row) for row in rows]
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    if account:
        return (head + f"<account name={quoteattr(name)}>\n" + "".join(f"{p}\n" for p in parts) + "</account>").encode()
    if not parts:
        return (head + f"<container name={quoteattr(name)} />").encode()
    return (head + f"<container name={quoteattr(name)}>" + "".join(parts) + "</container>").encode()


def _account_entry(row: Mapping[str, Any]) -> str:
    return f"<subdir name={quoteattr(row['subdir'])} />" if "subdir" in row else _entry("container", row)


def _entry(tag: str, row: Mapping[str, Any]) -> str:
    if "subdir" in row:
        return f"<subdir name={quoteattr(row['subdir'])}><name>{_text(row['subdir'])}</name></subdir>"
    told = ((field, row[field]) for field in XML_FIELDS if field in row) if tag == "object" else row.items()
    return f"<{tag}>{''.join(f'<{field}>{_text(value)}</{field}>' for field, value in told)}</{tag}>"


def _text(value: object) -> str:
    return escape(str(value))
