"""The version document: no token is needed for it."""

from pileus.kernel.rest import Answer, Operation, Request


async def _versions(request: Request) -> Answer:
    version = {
        "id": "v1.0",
        "max_version": "1.39",
        "min_version": "1.0",
        "status": "CURRENT",
        "links": [{"rel": "self", "href": ""}],
    }
    return Answer(200, {"versions": [version]})


VERSIONS = Operation(method="GET", path="/", name="versions", handle=_versions, public=True, summary="Versions")
