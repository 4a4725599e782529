"""Containers as web sites: index pages, listings as HTML, pages for what is not found. For visitors without a token."""

from html import escape
from typing import Any
from urllib.parse import quote

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer
from pileus.kernel.types import Fault
from pileus.services.objectstore.api.swift.answers import HTML, told
from pileus.services.objectstore.api.swift.call import Call, Scene, Signed
from pileus.services.objectstore.api.swift.dialect import worded
from pileus.services.objectstore.api.swift.items import items
from pileus.services.objectstore.api.swift.listings import truth
from pileus.services.objectstore.api.swift.paths import Path
from pileus.services.objectstore.core.listings import Wanted, of_container
from pileus.services.objectstore.db.columns import Settings
from pileus.services.objectstore.db.containers import ContainerRow

FOLDER = "application/directory"
_PLAIN_STYLE = """  <style type="text/css">
   h1 {font-size: 1em; font-weight: bold;}
   th {text-align: left; padding: 0px 1em 0px 1em;}
   td {padding: 0px 1em 0px 1em;}
   a {text-decoration: none;}
  </style>
"""
_NOTHING = '    <td class="colsize">&nbsp;</td>\n    <td class="coldate">&nbsp;</td>\n'


def concerns(call: Call) -> bool:
    if call.method not in ("GET", "HEAD") or not call.path.container:
        return False
    if call.signed is not None:
        return is_site(call.scene)
    if call.allowed is not None:
        return False
    return truth(call.headers.get("x-web-mode")) if call.caller is not None else True


def is_site(scene: Scene) -> bool:
    meta = scene.kept.meta
    return bool(meta.get("web-index") or meta.get("web-error") or truth(meta.get("web-listings")))


async def serve(call: Call) -> Answer | None:
    """A page of the site; None when the container is none."""
    row = (await call.see()).container
    if row is None:
        return None
    site = _Site(call, row)
    if call.path.name:
        return await site.page()
    if not (site.index or site.lists or site.error):
        return None
    refusal = site.refusal()
    if refusal is not None:
        return await site.failed(refusal)
    if not (site.index or site.lists):
        return await site.failed(await _tried(call, call.path))
    if not call.request.path.endswith("/"):
        return _moved(call)
    return await site.folder("")


def _moved(call: Call) -> Answer:
    return told(301, None, {"Location": f"{call.request.base}{call.request.path.rstrip('/')}/"})


async def _tried(call: Call, path: Path, method: str = "") -> Answer:
    """The answer to the same request for another path."""
    other = call.caused(method or call.method, path, call.headers, None)
    try:
        return await call.perform(other)
    except Answer as refusal:
        return refusal
    except Fault as fault:
        return worded(fault)


class _Site:
    def __init__(self, call: Call, row: ContainerRow) -> None:
        self._call, self._row = call, row
        kept: Settings = row.kept
        self.index, self.error = kept.meta.get("web-index", ""), kept.meta.get("web-error", "")
        self.lists = truth(kept.meta.get("web-listings"))
        self._css, self._label = kept.meta.get("web-listings-css", ""), kept.meta.get("web-listings-label", "")
        self._folder_type = kept.meta.get("web-directory-type", FOLDER)

    def _path(self, name: str) -> Path:
        return Path(self._call.path.account, self._call.path.container, name)

    async def page(self) -> Answer:
        """What an object's path shows: itself, the index of the folder, or the way there."""
        call, name = self._call, self._call.path.name
        found = await _tried(call, call.path)
        if found.status // 100 in (2, 3):
            if name.endswith("/") or not self._is_folder(found):
                return found
            found = told(404)
        if found.status != 404 or not (self.index or self.lists):
            return await self.failed(found)
        if name.endswith("/"):
            return await self.folder(name)
        return _moved(call) if await self._is_above(name) else await self.failed(found)

    async def _is_above(self, name: str) -> bool:
        """Whether there is a folder of that name, as far as the visitor may know: one with an index, or one that he may list."""
        if self.index:
            own = await _tried(self._call, self._path(f"{name}/{self.index}"), "HEAD")
            if own.status // 100 in (2, 3):
                return True
        if self.refusal() is not None:
            return False
        return bool(await self._call.near.db.read_aside(_anything_in, self._row, f"{name}/"))

    def refusal(self) -> Answer | None:
        """Why the visitor may not list the container. What a signed URL reaches begins with its prefix, and so does the folder."""
        if self._call.signed is None:
            try:
                self._call.authorize("GET", self._path(""), self._call.scene)
            except Answer as refusal:
                return refusal
        return None

    def _is_folder(self, found: Answer) -> bool:
        media = found.headers.get("Content-Type", "").partition(";")[0]
        return media == self._folder_type and int(found.headers.get("Content-Length", "0")) <= 1

    async def folder(self, name: str) -> Answer:
        """The index page, else the listing."""
        missing = told(404)
        if self.index:
            found = await _tried(self._call, self._path(name + self.index))
            if found.status // 100 in (2, 3):
                return found
            missing = found
        if not self.lists:
            return await self.failed(missing if missing.status == 401 else told(404, self._no_listing()))
        return await self._listing(name)

    def _no_listing(self) -> str:
        return (
            "<!DOCTYPE html>\n<html>\n <head>\n  <title>"
            f"Listing of {escape(self._title(self._call.path.name))}</title>\n </head>\n <body>\n"
            "  <h1>Web Listing Disabled</h1>\n"
            "  <p>Its owner can switch listings on with <b>X-Container-Meta-Web-Listings</b>.</p>\n </body>\n</html>\n"
        )

    async def failed(self, answer: Answer) -> Answer:
        """The site's own page for an error, where it has one."""
        if not self.error or answer.status // 100 in (2, 3):
            return answer
        own = await _tried(self._call, self._path(f"{answer.status}{self.error}"))
        if own.status // 100 != 2:
            return answer
        own.status = answer.status
        return own

    # --- listings as HTML -----------------------------------------------------------------------------------------------

    async def _listing(self, prefix: str) -> Answer:
        call = self._call
        refusal = self.refusal()
        if refusal is not None:
            return await self.failed(refusal)
        wanted = Wanted(prefix=prefix, delimiter="/", limit=call.near.settings.listing)
        rows = await call.near.db.read_aside(_rows, self._row, wanted)
        if prefix and not rows:
            return await self.failed(told(404))
        call.listed = True
        return told(200, self._html(prefix, rows), media=HTML)

    def _title(self, prefix: str) -> str:
        path = self._call.path
        return (self._label or f"/v1/{path.account}/{path.container}") + f"/{prefix}"

    def _html(self, prefix: str, rows: list[dict[str, Any]]) -> str:
        title = escape(f"Listing of {self._title(prefix)}")
        style = _PLAIN_STYLE
        if self._css:
            up = "" if self._css.startswith(("/", "http://", "https://")) else "../" * prefix.count("/")
            style = f'  <link rel="stylesheet" type="text/css" href="{escape(up + quote(self._css, safe=":/"))}" />\n'
        signed = self._call.signed or Signed()
        query = escape(signed.query)
        parent = f'   <tr id="parent" class="item">\n    <td class="colname"><a href="../{query}">../</a></td>\n{_NOTHING}   </tr>\n'
        listed = "".join(_line(row, len(prefix), query) for row in sorted(rows, key=lambda row: "subdir" not in row))
        return (
            f"<!DOCTYPE html>\n<html>\n <head>\n  <title>{title}</title>\n{style} </head>\n <body>\n"
            f'  <h1 id="title">{title}</h1>\n  <table id="listing">\n   <tr id="heading">\n'
            '    <th class="colname">Name</th>\n    <th class="colsize">Size</th>\n    <th class="coldate">Date</th>\n'
            f"   </tr>\n{parent if len(prefix) > len(signed.prefix) else ''}{listed}  </table>\n </body>\n</html>\n"
        )


def _line(row: dict[str, Any], cut: int, query: str) -> str:
    name = str(row.get("subdir") or row["name"])[cut:]
    target = quote(name).replace(".", "%2E")
    link = f'    <td class="colname"><a href="./{escape(target)}{query}">{escape(name)}</a></td>\n'
    if "subdir" in row:
        return f'   <tr class="item subdir">\n{link}{_NOTHING}   </tr>\n'
    media = str(row["content_type"]).partition(";")[0]
    classes = " ".join(f"type-{escape(word)}" for word in media.split("/"))
    size, date = _short(int(row["bytes"])), str(row["last_modified"]).partition(".")[0].replace("T", " ")
    return (
        f'   <tr class="item {classes}">\n{link}    <td class="colsize">{size}</td>\n'
        f'    <td class="coldate">{date}</td>\n   </tr>\n'
    )


def _short(size: int) -> str:
    """`1234` as `1Ki`."""
    unit = 0
    while size >= 1024 and unit < 6:
        size, unit = round(size / 1024), unit + 1
    return f"{size}{['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'][unit]}"


def _rows(tx: Tx, row: ContainerRow, wanted: Wanted) -> list[dict[str, Any]]:
    return items(tx, row, of_container(tx, row, wanted).items)


def _anything_in(tx: Tx, row: ContainerRow, prefix: str) -> bool:
    return bool(of_container(tx, row, Wanted(prefix=prefix, limit=1)).items)
