"""Answers to readers of small objects, kept while nothing that they were made of has changed."""

from collections.abc import Hashable

from pileus.kernel.rest import Answer, Remembered
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.core.neighbours import Neighbours

LARGEST = 16 << 10
MOST = 16 << 20
"""Bytes of one body, and of all that is kept."""
PLAIN = frozenset(
    {"accept", "accept-encoding", "accept-language", "authorization", "cache-control", "connection", "content-length", "content-type",
     "host", "pragma", "user-agent", "x-auth-token", "x-openstack-request-id", "x-storage-token"}
)  # fmt: skip
"""Headers that change nothing about an answer but who asks. With any other one a request is answered anew."""


class Hot:
    """Where one process owns all writes; elsewhere nothing is kept."""

    def __init__(self, near: Neighbours) -> None:
        stamps = near.db.stamps
        self._kept = Remembered(stamps, MOST) if stamps is not None else None

    def recall(self, call: Call) -> Answer | None:
        """The answer of before, to the same caller."""
        if self._kept is None or not _is_plain(call):
            return None
        return self._kept.recall(_key(call), call.request.known)

    def keep(self, call: Call, answer: Answer) -> None:
        if self._kept is None or call.read_from is None or answer.status != 200 or not _is_plain(call):
            return
        if answer.raw is not None and len(answer.raw) <= LARGEST:
            self._kept.keep(_key(call), call.request.known, call.read_from, answer)


def _is_plain(call: Call) -> bool:
    request = call.request
    return (
        call.method in ("GET", "HEAD")
        and call.path.name != ""
        and not request.query.pairs
        and request.headers.keys() <= PLAIN
        and (request.known is not None or not request.ctx.user_id)  # else a caller of this process, whom no token names
    )


def _key(call: Call) -> Hashable:
    request = call.request
    token = request.known.token if request.known is not None else ""
    return request.method, request.path, request.headers.get("host", ""), token
