"""What an operator may choose."""

from typing import Annotated, Literal

from pileus.kernel.config import Section, doc


class IdentitySettings(Section, frozen=True):
    """`[identity]` in pileus.toml."""

    token_lifetime: Annotated[int, doc("Seconds that a token lives.")] = 3600
    allow_expired_window: Annotated[
        int, doc("Seconds after its end that a token still counts for a service that sends its own token along.")
    ] = 172_800
    key_rotation: Annotated[
        int, doc("Seconds after which a new key seals tokens; older keys open theirs until they end.")
    ] = 86_400
    password_memory: Annotated[int, doc("KiB of memory that one argon2id hash takes.")] = 19_456
    password_passes: Annotated[int, doc("Passes of argon2id over that memory.")] = 2
    password_threads: Annotated[int, doc("Passwords hashed at the same time.")] = 2
    cache_seconds: Annotated[
        int,
        doc(
            "With several control-plane processes: seconds after which a token is looked at again even if no change was heard of."
        ),
    ] = 5
    cache_tokens: Annotated[int, doc("Tokens kept in memory.")] = 10_000
    trust_redelegations: Annotated[int, doc("How often a trust may be given on, one after the other.")] = 3
    max_project_depth: Annotated[int, doc("Levels of projects below a domain.")] = 5
    limit_model: Annotated[
        Literal["flat", "strict_two_level"],
        doc("How limits of projects and domains must fit: each alone, or a project's not above its parent's."),
    ] = "flat"
    whole_catalog_if_unfiltered: Annotated[
        bool, doc("Whether a project without endpoint filters sees the whole catalog; else it sees none.")
    ] = True
    list_limit: Annotated[int, doc("Most rows of one page; 0: no bound.")] = 0
    region: Annotated[str, doc("Region of the catalog made at first start.")] = "RegionOne"
    admin_password: Annotated[
        str, doc("Password of `admin` at first start; empty: a random one, shown once.", secret=True)
    ] = ""
    demo_password: Annotated[
        str, doc("Password of `demo` at first start; empty: a random one, shown once.", secret=True)
    ] = ""
