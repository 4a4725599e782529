"""EC2 credentials of a user, and signed requests in exchange for tokens."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request, nullable
from pileus.kernel.types import Invalid, Micros
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.tokens import Around, look_around, token_view
from pileus.services.identity.core import access_keys, credentials, ec2, refusals
from pileus.services.identity.core.access_keys import AccessKey
from pileus.services.identity.core.methods.schemas import open_object
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.session import Session, context
from pileus.services.identity.db.credentials import CredentialRow

_TEXT = {"type": "string"}
_TABLE = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}}
_SIGNED = open_object(
    {
        **dict.fromkeys(("access", "signature", "host", "verb", "path", "body_hash", "token"), nullable(_TEXT)),
        **dict.fromkeys(("params", "headers"), _TABLE),
    }
)
_BODY = {"type": "object", "properties": dict.fromkeys(("credentials", "credential", "ec2Credentials"), _SIGNED)}
_MANY = "/users/{user_id}/credentials/OS-EC2"
Check = Callable[[AccessKey, Near, Micros, Mapping[str, Any]], None]


class Ec2Credentials:
    """`/v3/users/{user_id}/credentials/OS-EC2`: pairs of keys; the path's last part is the access key."""

    root: ClassVar[str] = "/v3"
    made: ClassVar[int] = 201

    def __init__(self, near: Near, dialect: KeystoneDialect) -> None:
        self.near, self.dialect = near, dialect

    def all_operations(self) -> list[Operation]:
        many, one = self.root + _MANY, f"{self.root}{_MANY}/{{credential_id}}"
        return [
            _op("GET", many, "list", self._list, "EC2 credentials of a user.", asks="identity:ec2_list_credentials", view=self.view_list),
            _op("POST", many, "create", self._create, "Make an EC2 credential for a project.", asks="identity:ec2_create_credential",
                body=open_object({"tenant_id": {}}), optional_body=True, view=self._view_one, answers=self.made),
            _op("GET", one, "show", self._show, "One EC2 credential.", asks="identity:ec2_get_credential", view=self._view_one),
            _op("DELETE", one, "delete", self._delete, "Delete an EC2 credential.", asks="identity:ec2_delete_credential", answers=204),
        ]  # fmt: skip

    def _list(self, tx: Tx, request: Request) -> list[AccessKey]:
        user_id = request.params["user_id"]
        request.enforce("identity:ec2_list_credentials", {"user_id": user_id, "target": {"user": {"id": user_id}}})
        return ec2.of_user(tx, self.near, request.ctx, user_id)

    def _create(self, tx: Tx, request: Request) -> AccessKey:
        user_id = request.params["user_id"]
        request.enforce("identity:ec2_create_credential", {"target": {"credential": {"user_id": user_id}}})
        project_id = (request.body or {}).get("tenant_id")
        return ec2.create(tx, self.near, request.ctx, user_id, None if project_id is None else str(project_id))

    def _show(self, tx: Tx, request: Request) -> AccessKey:
        row = self._row(tx, request, "identity:ec2_get_credential")
        return ec2.get(tx, self.near, request.ctx, request.params["user_id"], row)

    def _delete(self, tx: Tx, request: Request) -> None:
        row = self._row(tx, request, "identity:ec2_delete_credential")
        ec2.delete(tx, self.near, request.ctx, request.params["user_id"], row)

    def _row(self, tx: Tx, request: Request, rule: str) -> CredentialRow:
        """The rule is asked about the credential's true owner, whatever the path says."""
        row = credentials.find(tx, credentials.id_of(request.params["credential_id"]))
        facts = {"id": row.id, "user_id": row.user_id, "project_id": row.project_id, "type": row.type}
        request.enforce(rule, {"user_id": request.params["user_id"], "target": {"credential": facts}})
        return row

    def view_list(self, request: Request, keys: list[AccessKey]) -> Any:
        return self.dialect.collection(request, "credentials", [self.shown(request, key) for key in keys])

    def _view_one(self, request: Request, key: AccessKey) -> Any:
        return {"credential": self.shown(request, key)}

    def shown(self, request: Request, key: AccessKey) -> dict[str, Any]:
        link = request.link(f"/v3/users/{key.user_id}/credentials/OS-EC2/{key.access}")
        return {**key_view(key), "links": {"self": link}}


class SignedRequests:
    """`/v3/ec2tokens` and `/v3/s3tokens`: a service shows how a request was signed and hears who signed it."""

    root: ClassVar[str] = "/v3"

    def __init__(self, near: Near) -> None:
        self.near = near

    def answer(self, token: str, session: Session, around: Around) -> Answer:
        """`token` is empty where it is not to be shown."""
        return Answer(200, {"token": token_view(session, around)}, {"X-Subject-Token": token} if token else {})

    def all_operations(self) -> list[Operation]:
        return [
            self._operation("ec2tokens", access_keys.check_ec2, "EC2", shown=True),
            self._operation("s3tokens", access_keys.check_s3, "S3", shown=False),
        ]

    def _operation(self, name: str, check: Check, kind: str, shown: bool) -> Operation:
        def view(request: Request, found: tuple[Session, Around]) -> Answer:
            session, around = found
            token = self.near.keyring.seal(session.claims)
            self.near.memory.remember(token, session, context(session, token), request.memo["revision"])
            return self.answer(token if shown else "", session, around)

        return Operation(
            method="POST",
            path=f"{self.root}/{name}",
            name="validate",
            resource=name[:-1],
            summary=f"Trade a signed {kind} request for what its signer may do.",
            rule=f"identity:{name}_validate",
            writes=False,
            body=_BODY,
            optional_body=True,
            decide=lambda tx, request: self._decide(tx, request, check, shown),
            view=view,
        )

    def enter(self, tx: Tx, key: AccessKey, shown: bool) -> Session:
        """A token that is shown carries the access rules that bound it; without one nobody would heed them."""
        return (access_keys.enter if shown else access_keys.enter_store)(tx, self.near, key)

    def _decide(self, tx: Tx, request: Request, check: Check, shown: bool) -> tuple[Session, Around]:
        request.memo["revision"] = self.near.memory.revision
        signed = _signed(request.body)
        key = access_keys.find(tx, self.near, signed["access"])
        check(key, self.near, tx.now, signed)
        session = self.enter(tx, key, shown)
        return session, look_around(tx, self.near, session, True)


def _signed(body: Any) -> Mapping[str, Any]:
    """How the request was signed, under any of the names that clients have for it."""
    if not body:
        raise Invalid("request must include a request body")
    found = body.get("credentials") or body.get("credential") or body.get("ec2Credentials") or {}
    if not found.get("access"):
        raise refusals.unauthorized()
    return found


def key_view(key: AccessKey) -> dict[str, Any]:
    return {
        "user_id": key.user_id,
        "tenant_id": key.project_id,
        "access": key.access,
        "secret": key.secret,
        "trust_id": key.trust_id or None,
    }


def _op(method: str, path: str, name: str, decide: Any, summary: str, **more: Any) -> Operation:
    return Operation(
        method=method, path=path, name=name, resource="ec2_credential", decide=decide, summary=summary, **more
    )
