"""Rules for passwords and accounts, in the sense of PCI-DSS: how good, how old, how often, how long unused.

All are off by default. Names and meanings are those of Keystone's `[security_compliance]`.
"""

import re
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.types import DAY, SECOND, Invalid, Micros, clock
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.core.settings import ComplianceSettings
from pileus.services.identity.db import histories, users
from pileus.services.identity.db.users import UserRow

_ADVICE = "Please contact your administrator to reset your password"


def check_settings(settings: ComplianceSettings) -> list[str]:
    """What is wrong with `[security_compliance]`, a sentence each."""
    problems = []
    try:
        re.compile(settings.password_regex)
    except re.error as error:
        problems.append(f"[security_compliance] password_regex: this is no regular expression: {error}")
    if 0 < settings.password_expires_days <= settings.minimum_password_age:
        problems.append("[security_compliance] minimum_password_age: passwords would end before they may be changed")
    return problems


def check_strength(near: Near, secret: str | None) -> None:
    """Raises `Invalid` for a password that the operator's expression does not match."""
    pattern = near.compliance.password_regex
    if not pattern:
        return
    if secret is None:
        raise Invalid("Password validation error: Password must be a string type.")
    if re.match(pattern, secret) is None:
        wanted = near.compliance.password_regex_description or None
        raise Invalid(f"The password does not match the requirements: {wanted}.")


def check_own_change(near: Near, row: UserRow, now: Micros) -> None:
    """Raises `Invalid` when a user may not change the password himself (yet)."""
    if row.options.get("lock_password") is True:
        raise Invalid(
            "You cannot change your password at this time due to password policy disallowing password changes. "
            f"{_ADVICE}."
        )
    days = near.compliance.minimum_password_age
    if not days or not row.password_self_service or row.password_created_at is None:
        return
    wait = row.password_created_at + days * DAY - now
    if wait > 0:
        raise Invalid(
            "You cannot change your password at this time due to the minimum password age. Once you change your "
            f"password, it must be used for {days} day(s) before it can be changed. Please try again in "
            f"{wait // DAY} day(s) or contact your administrator to reset your password."
        )


def old_hashes(tx: Tx, near: Near, row: UserRow) -> list[str]:
    """Hashes that a new password of this user's own choice must not fit."""
    count = near.compliance.unique_last_password_count
    if not count:
        return []
    now = [row.password_hash] if row.password_hash else []
    return [*now, *histories.newest(tx, row.id, count - 1)]


def repeated(near: Near) -> Invalid:
    return Invalid(
        "The new password cannot be identical to a previous password. The total number which includes the new password "
        f"must be unique is {near.compliance.unique_last_password_count}."
    )


def new_password(
    tx: Tx, near: Near, row: UserRow | None, options: dict[str, Any], hashed: str | None, own: bool = False
) -> dict[str, Any]:
    """Columns of a user who gets a password; the one of before goes into the history.

    `own`  chosen by the user, not by somebody else for him (who has to change it then, where that is the rule).
    """
    if row is not None and row.password_hash is not None:
        histories.add(tx, row.id, row.password_hash, near.compliance.unique_last_password_count)
    expires: Micros | None = None
    if hashed is not None and not own and _must_change(near, options):
        expires = tx.now
    elif near.compliance.password_expires_days and options.get("ignore_password_expiry") is not True:
        expires = (tx.now + near.compliance.password_expires_days * DAY) // SECOND * SECOND
    return {
        "password_hash": hashed,
        "password_created_at": tx.now if hashed else None,
        "password_expires_at": expires if hashed else None,
        "password_self_service": own,
    }


def _must_change(near: Near, options: dict[str, Any]) -> bool:
    ignored = options.get("ignore_change_password_upon_first_use") is True
    return near.compliance.change_password_upon_first_use and not ignored


def is_expired(row: UserRow, now: Micros) -> bool:
    """Whether the password must be changed before it opens anything."""
    if row.password_expires_at is None or row.options.get("ignore_password_expiry") is True:
        return False
    return now >= row.password_expires_at


def is_enabled(near: Near, row: UserRow, now: Micros) -> bool:
    """Whether a user counts: not switched off, and not unused for too many days."""
    days = near.compliance.disable_user_account_days_inactive
    if not row.enabled or not days or row.options.get("ignore_user_inactivity") is True:
        return row.enabled
    seen = row.created_at if row.last_active_at is None else row.last_active_at
    return now // DAY - seen // DAY < days


def seen_today(row: UserRow, now: Micros = 0) -> bool:
    """Whether today's login was noted already: a day is as exact as that date is."""
    now = now or clock()
    return row.last_active_at is not None and row.last_active_at // DAY == now // DAY


def note_seen(tx: Tx, near: Near, row: UserRow) -> None:
    """The first login of a day is noted, where the transaction can; that of somebody disabled is none."""
    if tx.writes and not seen_today(row, tx.now) and is_enabled(near, row, tx.now):
        users.change(tx, row.id, {"last_active_at": tx.now})
