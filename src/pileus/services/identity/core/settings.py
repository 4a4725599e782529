"""What an operator may choose."""

from typing import Annotated, Literal

from pileus.kernel.config import Section, doc


class IdentitySettings(Section, frozen=True):
    """`[identity]` in pileus.toml."""

    token_lifetime: Annotated[int, doc("Seconds that a token lives.", ge=1)] = 3600
    allow_expired_window: Annotated[
        int, doc("Seconds after its end that a token still counts for a service that sends its own token along.", ge=0)
    ] = 172_800
    key_rotation: Annotated[
        int, doc("Seconds after which a new key seals tokens; older keys open theirs until they end.", ge=1)
    ] = 86_400
    password_memory: Annotated[int, doc("KiB of memory that one argon2id hash takes.", ge=8)] = 19_456
    password_passes: Annotated[int, doc("Passes of argon2id over that memory.", ge=1)] = 2
    password_threads: Annotated[int, doc("Passwords hashed at the same time.", ge=1)] = 2
    cache_seconds: Annotated[
        int,
        doc(
            "With several control-plane processes: seconds after which a token is looked at again even if no change was heard of.",
            ge=0,
        ),
    ] = 5
    cache_tokens: Annotated[int, doc("Tokens kept in memory.", ge=1)] = 10_000
    receipt_lifetime: Annotated[
        int, doc("Seconds that a login of several factors may take from the first one to the last.", ge=1)
    ] = 300
    totp_windows: Annotated[int, doc("Time steps of 30 seconds that a one-time code may be late.", ge=0)] = 1
    request_token_lifetime: Annotated[
        int, doc("Seconds in which a user may grant what an OAuth1 consumer asked for; 0: no bound.", ge=0)
    ] = 28_800
    access_token_lifetime: Annotated[
        int, doc("Seconds for which an OAuth1 consumer may use what was granted; 0: no bound.", ge=0)
    ] = 86_400
    app_credential_user_limit: Annotated[
        int, doc("Most application credentials of one user; -1: no bound.", ge=-1)
    ] = -1
    credential_key_rotation: Annotated[
        int, doc("Seconds after which a new key seals credentials; all older ones are then sealed anew with it.", ge=1)
    ] = 7_776_000
    credential_user_limit: Annotated[int, doc("Most credentials of one user; -1: no bound.", ge=-1)] = -1
    credential_auth_ttl: Annotated[int, doc("Seconds by which the time of a signed EC2 request may be off.", ge=0)] = (
        900
    )
    client_certificate_mapping: Annotated[
        str, doc("Id of the mapping that holds names in client certificates against users (OAuth 2.0 with mutual TLS).")
    ] = "oauth2_mapping"
    trust_redelegations: Annotated[int, doc("How often a trust may be given on, one after the other.", ge=0)] = 3
    max_project_depth: Annotated[int, doc("Levels of projects below a domain.", ge=1)] = 5
    limit_model: Annotated[
        Literal["flat", "strict_two_level"],
        doc("How limits of projects and domains must fit: each alone, or a project's not above its parent's."),
    ] = "flat"
    whole_catalog_if_unfiltered: Annotated[
        bool, doc("Whether a project without endpoint filters sees the whole catalog; else it sees none.")
    ] = True
    v2_api: Annotated[
        Literal["off", "loopback", "on"],
        doc(
            "Who gets version 2.0 of the API: nobody, clients on this machine, or everybody (it shows no respect for domains)."
        ),
    ] = "loopback"
    list_limit: Annotated[int, doc("Most rows of one page; 0: no bound.", ge=0)] = 0
    login_failures_account: Annotated[
        int,
        doc(
            "Failed logins of one account in `login_window` before more are turned away for a while; 0: no bound.", ge=0
        ),
    ] = 30
    login_failures_address: Annotated[
        int,
        doc(
            "Failed logins from one address in `login_window` before more are turned away for a while; 0: no bound.",
            ge=0,
        ),
    ] = 1_000
    login_window: Annotated[int, doc("Seconds over which failed logins are counted.", ge=1)] = 600
    directory_seconds: Annotated[
        int, doc("Seconds after which directories are read again, for those who vanished there.", ge=1)
    ] = 60
    domains: Annotated[
        dict[str, dict[str, dict[str, str | int | float | bool | list[str]]]],
        doc(
            "Options of single domains by name, `[identity.domains.<name>.ldap]`; they count instead of those set by the API.",
            secret=True,
        ),
    ] = {}
    region: Annotated[str, doc("Region of the catalog made at first start.")] = "RegionOne"
    admin_password: Annotated[
        str, doc("Password of `admin` at first start; empty: a random one, shown once.", secret=True)
    ] = ""
    demo_password: Annotated[
        str, doc("Password of `demo` at first start; empty: a random one, shown once.", secret=True)
    ] = ""


class ComplianceSettings(Section, frozen=True):
    """`[security_compliance]` in pileus.toml: names and meanings are Keystone's; 0 and empty switch a rule off."""

    lockout_failure_attempts: Annotated[
        int, doc("Wrong passwords in a row after which an account is locked; 0: never.", ge=0)
    ] = 0
    lockout_duration: Annotated[
        int, doc("Seconds that an account stays locked; 0: until an admin enables the user again.", ge=0)
    ] = 1_800
    disable_user_account_days_inactive: Annotated[
        int, doc("Days without a login by password after which a user counts as disabled; 0: never.", ge=0)
    ] = 0
    password_expires_days: Annotated[
        int, doc("Days after which a password set from now on must be changed; 0: never.", ge=0)
    ] = 0
    unique_last_password_count: Annotated[
        int, doc("Passwords of a user, the current one included, that a new one must differ from; 0: none.", ge=0)
    ] = 0
    minimum_password_age: Annotated[
        int, doc("Days that a password of the user's own choice stands before he may change it again; 0: none.", ge=0)
    ] = 0
    password_regex: Annotated[
        str, doc("Regular expression that every new password must match from its beginning; empty: any will do.")
    ] = ""
    password_regex_description: Annotated[
        str, doc("That expression in words: what somebody hears whose new password does not match.")
    ] = ""
    change_password_upon_first_use: Annotated[
        bool, doc("Whether a password that an admin set must be changed before it opens anything.")
    ] = False
