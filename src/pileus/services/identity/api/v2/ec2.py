"""EC2 credentials, and signed requests in exchange for tokens, in v2.0's form."""

from typing import Any, ClassVar

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Request
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.ec2 import Ec2Credentials, SignedRequests, key_view
from pileus.services.identity.api.tokens import Around
from pileus.services.identity.api.v2 import shapes
from pileus.services.identity.api.v2.paths import ROOT
from pileus.services.identity.core import access_keys
from pileus.services.identity.core.access_keys import AccessKey
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.session import Session


class Ec2CredentialsV2(Ec2Credentials):
    """`/v2.0/users/{user_id}/credentials/OS-EC2`."""

    root: ClassVar[str] = ROOT
    made: ClassVar[int] = 200

    def shown(self, request: Request, key: AccessKey) -> dict[str, Any]:
        return key_view(key)

    def view_list(self, request: Request, keys: list[AccessKey]) -> Any:
        return {"credentials": [key_view(key) for key in keys]}


class SignedRequestsV2(SignedRequests):
    """`/v2.0/ec2tokens` and `/v2.0/s3tokens`."""

    root: ClassVar[str] = ROOT

    def __init__(self, near: Near, ports: shapes.Ports) -> None:
        super().__init__(near)
        self.ports = ports

    def enter(self, tx: Tx, key: AccessKey, shown: bool) -> Session:
        """v2.0 has no words for access rules."""
        return access_keys.enter_store(tx, self.near, key)

    def answer(self, token: str, session: Session, around: Around) -> Answer:
        return Answer(200, {"access": shapes.access(token, session, around.catalog, self.ports)})


def both(near: Near, dialect: KeystoneDialect, ports: shapes.Ports) -> list[Any]:
    return [*Ec2CredentialsV2(near, dialect).all_operations(), *SignedRequestsV2(near, ports).all_operations()]
