"""XML as S3 writes and reads it."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from pileus.services.objectstore.api.s3.faults import fault

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_DEEPEST = 32
_MOST = 100_000
"""Elements. Ten thousand parts with every checksum have fewer."""

Content: TypeAlias = "str | int | bool | Sequence[Node] | None"
Node: TypeAlias = "tuple[str, Content]"
"""An element: its name, and its text or its children. None leaves it out."""


def document(root: str, content: Content, namespace: str = NAMESPACE) -> bytes:
    """A whole answer. Characters that XML has no place for become U+FFFD (keys may hold them: clients ask for `encoding-type=url`)."""
    space = f' xmlns="{namespace}"' if namespace else ""
    parts = [_HEAD]
    _write(parts, [(root + space, content)])
    return "".join(parts).encode("utf-8", "replace")


def typed(name: str, kind: str) -> str:
    """An opening tag with `xsi:type`, as grantees have: use it as a node's name."""
    return f'{name} xmlns:xsi="{_XSI}" xsi:type="{kind}"'


def _write(parts: list[str], nodes: Iterable[Node]) -> None:
    for name, content in nodes:
        if content is None:
            continue
        close = name.split(" ", 1)[0]
        if isinstance(content, bool):
            parts.append(f"<{name}>{'true' if content else 'false'}</{close}>")
        elif isinstance(content, int):
            parts.append(f"<{name}>{content}</{close}>")
        elif isinstance(content, str):
            parts.append(f"<{name}>{escape(content.translate(_UNFIT))}</{close}>" if content else f"<{name}/>")
        else:
            parts.append(f"<{name}>")
            _write(parts, content)
            parts.append(f"</{close}>")


_UNFIT = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)), "\ufffd")


def parsed(raw: bytes, root: str) -> Element:
    """A body, its names freed of namespaces. Raises `MalformedXML`, for entities and doctypes too."""
    try:
        parser = DefusedXMLParser(target=_Shallow(), forbid_dtd=True)
        parser.feed(raw)
        found: Element = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise fault("MalformedXML") from None
    _strip(found)
    if found.tag != root:
        raise fault("MalformedXML")
    return found


class _Shallow(TreeBuilder):
    """Gives up at the first element that stands too deep, or is one too many: a megabyte of them takes seconds to build."""

    _depth = _count = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        self._count += 1
        if self._depth > _DEEPEST or self._count > _MOST:
            raise ValueError("too deep, or too many")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _strip(element: Element) -> None:
    if not isinstance(element.tag, str):
        raise fault("MalformedXML")
    element.tag = element.tag.rpartition("}")[2]
    for child in element:
        _strip(child)


def text_of(element: Element, path: str, default: str = "") -> str:
    """The text of the first element at a path, without the space around it."""
    found = element.findtext(path)
    return default if found is None else found.strip()
