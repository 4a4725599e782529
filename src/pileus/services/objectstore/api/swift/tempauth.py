"""TempAuth: accounts and users that stand in the settings, for clients that know no identity service. Off unless any are set."""

import hmac
import json
from collections.abc import Mapping

from pileus.kernel.rest import Answer, Request
from pileus.kernel.types import SECOND, Ctx, Unauthorized, clock
from pileus.services.objectstore.api.swift import acl
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.callers import NO, OWNER, READS, YES, Asking, Verdict

MARK = "AUTH_tk"
"""What its tokens begin with."""
DOMAIN = "tempauth"
"""Stands where others have the domain of the user: such callers are judged here."""
LIFE = 86_400
"""Seconds of a token."""
RESELLER, READER, ADMIN = ".reseller_admin", ".reseller_reader", ".admin"


class TempAuth:
    """`users`: `account:user` to `key group …`, with `.admin` and `.reseller_admin` among the groups. `secret` signs tokens."""

    def __init__(self, users: Mapping[str, str], prefix: str, secret: str) -> None:
        self._users = {name: tuple(words.split()) for name, words in users.items() if words.split()}
        self._prefix, self._secret = prefix, secret.encode()

    def __bool__(self) -> bool:
        return bool(self._users)

    async def answer(self, request: Request) -> Answer:
        """A token for a name and a key. Raises 401."""
        headers = request.headers
        user = headers.get("x-auth-user") or headers.get("x-storage-user", "")
        key = headers.get("x-auth-key") or headers.get("x-storage-pass", "")
        account = user.partition(":")[0] if ":" in user else ""
        words = self._users.get(user, ("",))
        if not hmac.compare_digest(words[0].encode(), key.encode("utf-8", "surrogateescape")) or not words[0]:
            raise told(401, None, {"Www-Authenticate": f'Swift realm="{account or "unknown"}"'})
        ends = clock() // SECOND + LIFE
        token = f"{MARK}{user.encode().hex()}.{ends}.{self._signature(user, ends)}"
        return told(200, "", {
            "X-Auth-Token": token, "X-Storage-Token": token, "X-Auth-Token-Expires": str(LIFE - 1),
            "X-Storage-Url": f"{request.base}/v1/{self._prefix}{account}",
        })  # fmt: skip

    def _signature(self, user: str, ends: int) -> str:
        key = self._users[user][0]
        return hmac.new(self._secret, f"{DOMAIN}\n{user}\n{key}\n{ends}".encode(), "sha256").hexdigest()

    def caller(self, token: str) -> Ctx:
        """Who has the token. Raises `Unauthorized`."""
        name, _, rest = token.removeprefix(MARK).partition(".")
        ends, _, mark = rest.partition(".")
        try:
            user = bytes.fromhex(name).decode()
        except ValueError:
            user = ""
        known = (
            token.isascii()
            and user in self._users
            and ends.isdigit()
            and len(ends) < 13
            and int(ends) > clock() // SECOND
        )
        if not (known and hmac.compare_digest(self._signature(user, int(ends)), mark)):
            raise Unauthorized("The token is unknown or has expired.")
        account, _, short = user.partition(":")
        groups = {account, user, *self._users[user][1:]}
        if ADMIN in groups:
            groups.add(self._prefix + account)
        return Ctx(user_id=user, user_name=short, user_domain_id=DOMAIN, roles=frozenset(groups), token=token)

    def judge(self, ctx: Ctx, asking: Asking) -> Verdict:
        """What TempAuth's groups and ACLs let a user do."""
        path, groups = asking.path, ctx.roles
        if asking.method == "OPTIONS":
            return YES
        if not path.account.startswith(self._prefix):
            return NO  # `test` is a group of everybody in it, and no account
        if RESELLER in groups:
            return OWNER
        if READER in groups and asking.method in READS:
            return YES
        whole = not path.container and asking.method in ("PUT", "DELETE")
        if path.account in groups and not whole:
            return OWNER
        levels = _levels(asking.account_acl, groups)
        if "admin" in levels and not whole:
            return OWNER
        if "read-write" in levels and (asking.method in READS or path.container):
            return YES
        if levels and asking.method in READS:
            return YES
        known = acl.parsed(asking.acl)
        if (
            known.referrers
            and acl.refers(asking.referrer, known.referrers)
            and (path.name or ".rlistings" in known.groups)
        ):
            return YES
        return YES if groups & set(known.groups) else NO


def _levels(text: str, groups: frozenset[str]) -> set[str]:
    """What an account's ACL gives: `admin`, `read-write`, `read-only`."""
    return {level for level, names in json.loads(text).items() if groups & set(names)} if text else set()
