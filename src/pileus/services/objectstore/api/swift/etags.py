"""ETags in quotes, as HTTP wants them: where an account or a container asks for it, `X-Container-Rfc-Compliant-Etags: true`."""

from pileus.kernel.rest import Answer
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.container_headers import RFC_ETAGS
from pileus.services.objectstore.api.swift.listings import truth


def wanted(call: Call, kind: str) -> dict[str, str]:
    """What a request sets of it, as system metadata."""
    header = f"x-{kind}-rfc-compliant-etags"
    if header not in call.headers:
        return {}
    return {RFC_ETAGS: str(truth(call.headers[header])) if call.headers[header] else ""}


def quote(call: Call, answer: Answer) -> None:
    """Put quotes around an object's ETag where they are asked for: the container says it, else the account."""
    asked = call.scene.kept.system.get(RFC_ETAGS) or call.scene.account_kept.system.get(RFC_ETAGS)
    etag = answer.headers.get("Etag", "") if asked == "True" and call.path.name else ""
    if etag and not etag.endswith('"'):
        answer.headers["Etag"] = f'"{etag}"'
