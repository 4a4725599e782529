"""What S3's settings of a bucket close on this face too, for all but its owner: the denials of its policy, its public access block.

What a policy allows is not heard here: Swift's own lists open a container to Swift's users.
"""

from collections.abc import Mapping, Sequence

from pileus.kernel.rest import Request
from pileus.kernel.types import Ctx
from pileus.services.objectstore.api.facts import RequestFacts
from pileus.services.objectstore.api.swift.paths import Path
from pileus.services.objectstore.core import judging, public_access
from pileus.services.objectstore.core.bucket_policy import Effect, Question
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db.containers import ContainerRow

_OF_OBJECT: Mapping[str, str] = {
    "GET": "s3:GetObject",
    "HEAD": "s3:GetObject",
    "PUT": "s3:PutObject",
    "POST": "s3:PutObject",
    "COPY": "s3:GetObject",
    "DELETE": "s3:DeleteObject",
}
_QUERY = {"s3:prefix": "prefix", "s3:delimiter": "delimiter", "s3:max-keys": "limit"}


class _Facts(RequestFacts):
    """A denial that hangs on what only an object can tell holds here: see `Policy.denies`."""

    def own(self, key: str) -> Sequence[str] | None:
        value = self.request.query.one(_QUERY[key]) if key in _QUERY else None
        return None if value is None else (value,)


def denies(
    near: Neighbours, request: Request, ctx: Ctx, row: ContainerRow, method: str, path: Path, *, whole: bool
) -> bool:
    """Whether the bucket's policy denies what Swift's lists allow. `whole`: of any object, nobody says which."""
    policy = judging.policy_of(near, row)
    action = _OF_OBJECT.get(method, "") if path.name else "s3:ListBucket"
    if policy is None:
        return False
    who, facts = judging.who(ctx), _Facts(near, request, row, ctx)
    if whole:
        return policy.judge_whole(Question(who, action, row.name, facts)) is Effect.DENY
    return policy.denies(Question(who, action, f"{row.name}/{path.name}" if path.name else row.name, facts))


def heard(row: ContainerRow | None, words: str) -> str:
    """A container's list without what opens it to everybody, where that is not to be heard."""
    if row is None or not words or not public_access.blocks(row.kept.system, public_access.IGNORE_ACLS):
        return words
    return ",".join(word for word in words.split(",") if not _opens(word))


def blocked(row: ContainerRow | None, words: str) -> bool:
    """Whether a list that opens the container to everybody may not be set."""
    if row is None or not public_access.blocks(row.kept.system, public_access.BLOCK_ACLS):
        return False
    return any(_opens(word) for word in words.split(","))


def _opens(word: str) -> bool:
    return word == "*:*" or (word.startswith(".r:") and not word.startswith(".r:-"))
