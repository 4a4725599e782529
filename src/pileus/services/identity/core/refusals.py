"""Refusals in Keystone's words: clients and their tests know them."""

from pileus.kernel.types import Conflict, Forbidden, Gone, Invalid, NotFound, Unauthorized

DEFAULT_DOMAIN = "default"
NO_AUTHENTICATION = "The request you have made requires authentication."
_MALFORMED = "The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error."


def unauthorized() -> Unauthorized:
    """The one answer to every failed login: it tells nobody what was wrong."""
    return Unauthorized(NO_AUTHENTICATION)


def password_expired(user_id: str) -> Unauthorized:
    """For him who knows the password only."""
    return Unauthorized(f"The password is expired and needs to be changed for user: {user_id}.")


def missing(noun: str, id: str) -> NotFound:
    return NotFound(f"Could not find {noun}: {id}.")


def expected(attribute: str, target: str) -> Invalid:
    return Invalid(f"Expecting to find {attribute} in {target}. {_MALFORMED}")


def bad_time() -> Invalid:
    return Invalid(f"Timestamp not in expected format. {_MALFORMED}")


def past_time() -> Invalid:
    return Invalid(f"The 'expires_at' must not be before now. {_MALFORMED}")


def conflict(kind: str, details: str) -> Conflict:
    return Conflict(f"Conflict occurred attempting to store {kind} - {details}.")


def forbidden(action: str) -> Forbidden:
    """Somebody known may not do this here, whatever the policy says."""
    return Forbidden(f"You are not authorized to perform the requested action: {action}.")


def immutable(verb: str, kind: str, id: str) -> Forbidden:
    return Forbidden(
        f'Unable to {verb} immutable {kind} resource: `{id}. Set resource option "immutable" to false first.'
    )


def no_grant(role_id: str, actor_id: str, target_id: str) -> NotFound:
    return NotFound(
        f"Could not find role assignment with role: {role_id}, user or group: {actor_id}, "
        f"project, domain, or system: {target_id}."
    )


def gone() -> Gone:
    return Gone("The service you have requested is no longer available on this server.")


def not_authorized() -> Forbidden:
    return Forbidden("You are not authorized to perform the requested action.")
