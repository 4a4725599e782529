"""Refusals as Swift words them: a small HTML page, or one plain sentence."""

from collections.abc import Mapping

from pileus.kernel.rest import Answer

HTML = "text/html; charset=UTF-8"
PLAIN = "text/plain"
WORDS: Mapping[int, tuple[str, str]] = {
    202: ("Accepted", "The request is accepted for processing."),
    301: ("Moved Permanently", "The resource has moved permanently."),
    302: ("Found", "The resource has moved temporarily."),
    303: ("See Other", "The response to the request can be found under a different URI."),
    307: ("Temporary Redirect", "The resource has moved temporarily."),
    400: (
        "Bad Request",
        "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    ),
    401: (
        "Unauthorized",
        "This server could not verify that you are authorized to access the document you requested.",
    ),
    403: ("Forbidden", "Access was denied to this resource."),
    404: ("Not Found", "The resource could not be found."),
    405: ("Method Not Allowed", "The method is not allowed for this resource."),
    406: ("Not Acceptable", "The resource is not available in a format acceptable to your browser."),
    408: ("Request Timeout", "The server has waited too long for the request to be sent by the client."),
    409: ("Conflict", "There was a conflict when trying to complete your request."),
    411: ("Length Required", "Content-Length header required."),
    412: ("Precondition Failed", "A precondition for this request was not met."),
    413: ("Request Entity Too Large", "The body of your request was too large for this server."),
    416: ("Requested Range Not Satisfiable", "The Range requested is not available."),
    422: ("Unprocessable Entity", "Unable to process the contained instructions"),
    429: ("Too Many Requests", "Too many requests."),
    431: ("Request Header Fields Too Large", "The headers of your request were too large for this server."),
    497: ("Blacklisted", "Your account has been blacklisted"),
    498: ("Rate Limited", "Slow down"),
    499: ("Client Disconnect", "The client was disconnected during request."),
    500: (
        "Internal Error",
        "The server has either erred or is incapable of performing the requested operation.",
    ),
    501: ("Not Implemented", "The requested method is not implemented by this server."),
    503: ("Service Unavailable", "The server is currently unavailable. Please try again at a later time."),
    507: ("Insufficient Storage", "There was not enough space to save the resource. Drive: -"),
}
"""Status -> (title, sentence) of the page that clients see."""


def page(status: int) -> bytes:
    """The page of a status; empty for those that have none."""
    title, sentence = WORDS.get(status, ("", ""))
    return f"<html><h1>{title}</h1><p>{sentence}</p></html>".encode() if title else b""


def told(status: int, body: str | None = None, headers: Mapping[str, str] | None = None, media: str = HTML) -> Answer:
    """An answer without content of its own: `body`, or the page of its status."""
    raw = page(status) if body is None else body.encode()
    return Answer(status, raw=raw, headers={"Content-Type": media, "Content-Length": str(len(raw)), **(headers or {})})


def bad(body: str) -> Answer:
    """400 with a plain sentence."""
    return told(400, body, media=PLAIN)


def unmet(body: str | None = None) -> Answer:
    """412."""
    return told(412, body)
