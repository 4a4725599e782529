"""How the Image API speaks: no envelopes, and errors as pages, JSON or plain text, as the client likes best."""

from collections.abc import Sequence
from html import escape

from pileus.kernel.rest import Answer, Dialect, Request
from pileus.kernel.rest.schemas import Problem
from pileus.kernel.types import Fault, Invalid

_REASONS = {413: "Request Entity Too Large", 416: "Request Range Not Satisfiable"}


class ImageDialect(Dialect):
    enveloped = False
    extra_body = True
    auth_first = True

    def fault(self, request: Request, fault: Fault) -> Answer:
        if fault.status == 401:
            body = {"error": {"code": 401, "title": "Unauthorized", "message": fault.message}}
            return Answer(401, body, {"WWW-Authenticate": f'Keystone uri="{request.base}"'})
        title = _REASONS.get(fault.status, fault.title)
        form = preferred(request.headers.get("accept"))
        if form == "json":
            told = {"message": f"{fault.message}<br /><br />\n\n\n", "code": f"{fault.status} {title}", "title": title}
            return Answer(fault.status, told)
        if form == "html":
            return Answer(fault.status, raw=_page(fault, title).encode(), media="text/html; charset=UTF-8")
        plain = f"{fault.status} {title}\n\n{fault.message}\n"
        return Answer(fault.status, raw=plain.encode(), media="text/plain; charset=UTF-8")

    def invalid_body(self, problems: Sequence[Problem]) -> Fault:
        return no_match(problems[0], "")


def no_match(problem: Problem, schema: str = " 'image'") -> Invalid:
    """What is wrong with a body, naming the field."""
    where = "".join(f"[{part!r}]" for part in problem.path)
    named = f"{'.'.join(str(part) for part in problem.path)}: " if problem.path else ""
    return Invalid(
        f"Provided object does not match schema{schema}: {named}{problem.message}\n\nOn instance{where}:\n"
        f"    {str(problem.value)[:200]}"
    )


def preferred(accept: str | None) -> str:
    """`html`, `json` or `plain`, by an Accept header; without one plain text.

    An empty one is the mark of openstacksdk's uploads and patches; it shows its user the reason from a page, but not
    from plain text.
    """
    if accept is None:
        return "plain"
    if not accept.strip():
        return "html"
    best, form = 0.0, "plain"
    for media, name in (("text/html", "html"), ("application/json", "json")):
        quality = _quality(accept, media)
        if quality > best:
            best, form = quality, name
    return form


def _quality(accept: str, media: str) -> float:
    """How much of `media` a client wants; the range that fits closest decides."""
    found: dict[int, float] = {}
    for part in accept.lower().split(","):
        wanted, _, parameters = part.partition(";")
        wanted = wanted.strip()
        closeness = [f"{media}", f"{media.split('/', maxsplit=1)[0]}/*", "*/*"]
        if wanted in closeness:
            found[closeness.index(wanted)] = _q(parameters)
    return found[min(found)] if found else 0.0


def _q(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _page(fault: Fault, title: str) -> str:
    head = f"{fault.status} {title}"
    return (
        f"<html>\n <head>\n  <title>{head}</title>\n </head>\n <body>\n  <h1>{head}</h1>\n"
        f"  {escape(fault.message)}<br /><br />\n\n\n\n </body>\n</html>"
    )
