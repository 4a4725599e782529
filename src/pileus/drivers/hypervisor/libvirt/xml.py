"""XML by a library, so that no text of a user is ever markup."""

import re
from typing import Any
from xml.etree import ElementTree

Element = ElementTree.Element
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def e(tag: str, *children: Element | str | None, **attributes: object) -> Element:
    """An element. Strings become its text; `None` children and attributes are left out; a trailing `_` of an attribute's
    name is dropped (`type_`)."""
    made = Element(tag, {k.rstrip("_"): legal(str(v)) for k, v in attributes.items() if v is not None})
    for child in children:
        if isinstance(child, str):
            made.text = legal(child)
        elif child is not None:
            made.append(child)
    return made


def legal(text: str) -> str:
    """What XML cannot carry at all (control characters, lone surrogates) becomes U+FFFD."""
    return _ILLEGAL.sub("\ufffd", text)


def text_of(element: Element) -> str:
    return ElementTree.tostring(element, encoding="unicode")


def parsed(text: str) -> Element:
    """Of what libvirt said, never of what a user said."""
    return ElementTree.fromstring(text)  # noqa: S314


def attribute(element: Element, path: str, name: str) -> str:
    """Of the first element at that path; empty when it is not there."""
    found: Any = element.find(path)
    return "" if found is None else str(found.get(name, ""))
