"""What can go wrong, in domain words. A service's dialect turns a `Fault` into its own body and headers."""

from collections.abc import Mapping
from typing import ClassVar


class Fault(Exception):
    """A refusal that the caller may see.

    `message`  one sentence for people, naming the field where there is one.
    `type`     the emulated service's name of the case (`PortNotFound`); the class name when none is given.
    `details`  further facts that some dialects print (`{"forbidden": ["name"]}`).
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal Server Error"

    def __init__(self, message: str, type: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.type = type or self.__class__.__name__
        self.details: Mapping[str, object] = details or {}
        self.headers: dict[str, str] = {}
        self.denial: tuple[str, Mapping[str, object]] | None = None
        """The rule that said no, and the target it was asked about: for the log, never for the caller."""


class Invalid(Fault):
    """The request is well formed JSON or not even that, but cannot be meant."""

    status, title = 400, "Bad Request"


class Unauthorized(Fault):
    """Nobody known asks."""

    status, title = 401, "Unauthorized"


class Forbidden(Fault):
    """Somebody known asks, who may not."""

    status, title = 403, "Forbidden"


class NotFound(Fault):
    status, title = 404, "Not Found"


class NotAllowed(Fault):
    """The path exists, the method does not; `headers["Allow"]` names those that do."""

    status, title = 405, "Method Not Allowed"


class NotAcceptable(Fault):
    status, title = 406, "Not Acceptable"


class TimedOut(Fault):
    status, title = 408, "Request Timeout"


class Conflict(Fault):
    """The state of things forbids it, now."""

    status, title = 409, "Conflict"


class Gone(Fault):
    status, title = 410, "Gone"


class LengthRequired(Fault):
    status, title = 411, "Length Required"


class Stale(Fault):
    """A precondition (`If-Match`, generation) no longer holds."""

    status, title = 412, "Precondition Failed"


class TooLarge(Fault):
    status, title = 413, "Request Entity Too Large"


class Unsupported(Fault):
    """The body's media type is not one that this operation reads."""

    status, title = 415, "Unsupported Media Type"


class BadRange(Fault):
    status, title = 416, "Requested Range Not Satisfiable"


class TooMany(Fault):
    status, title = 429, "Too Many Requests"


class HeadersTooLarge(Fault):
    status, title = 431, "Request Header Fields Too Large"


class OverQuota(Fault):
    """A quota would be passed. `details`: `resources` (those over), `limits`, `usages`, `asked`.

    The status differs between services (compute 403, network 409): their dialects say which.
    """

    status, title = 413, "Over Limit"


class NotBuilt(Fault):
    """The emulated service has this; Pileus does not yet."""

    status, title = 501, "Not Implemented"


class Unavailable(Fault):
    """The world below does not answer: trying again later may help."""

    status, title = 503, "Service Unavailable"


class OutOfSpace(Fault):
    status, title = 507, "Insufficient Storage"
