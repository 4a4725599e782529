"""`[objectstore]` of `pileus.toml`."""

from typing import Annotated, Literal

import msgspec

from pileus.kernel.config import Section, doc


class ObjectSettings(Section, frozen=True, kw_only=True):
    """Settings of the object store."""

    engine: Annotated[
        Literal["own", "ceph"],
        doc("who keeps objects: Pileus, or a Ceph RADOS gateway, to which the catalog then leads"),
    ] = "own"
    ceph_url: Annotated[
        str, doc("the gateway, as clients reach it (`http://rgw.example:7480`); with engine `ceph`")
    ] = ""
    policies: Annotated[
        dict[Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,64}$")], str],
        doc(
            "storage policies by name, each with the folder of its bodies (empty: in the state directory); the first is the default"
        ),
    ] = msgspec.field(default_factory=lambda: {"standard": ""})
    reseller_prefix: Annotated[str, doc("what stands before the project's id in an account's name")] = "AUTH_"
    s3_domains: Annotated[
        list[str], doc("host names of S3 whose subdomains are buckets (`objects.example`: bucket.objects.example)")
    ] = []
    s3_object_ownership: Annotated[
        Literal["", "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"],
        doc(
            "whose objects are in buckets that do not say it, by S3's names; empty: all are the bucket's owner's, and lists of grants are obeyed"
        ),
    ] = ""
    s3_region: Annotated[str, doc("the region that S3 clients are told")] = "us-east-1"
    service_prefixes: Annotated[
        dict[str, str],
        doc(
            "further prefixes of accounts (`SERVICE_`), each with the roles, separated by commas, of which the service's token must have one"
        ),
    ] = {}
    sync_realms: Annotated[
        dict[str, str],
        doc(
            "realms of container sync, each with the key that its clusters share (empty: nobody sends to another cluster)",
            secret=True,
        ),
    ] = msgspec.field(default_factory=lambda: {"realm1": ""})
    sync_former_keys: Annotated[
        dict[str, str],
        doc("keys that realms had before: still accepted, so that clusters can change theirs one by one", secret=True),
    ] = {}
    sync_clusters: Annotated[
        tuple[str, ...], doc("this cloud's names in those realms: realm/cluster, in lower case")
    ] = ("realm1/name1",)
    sync_peers: Annotated[
        dict[str, str],
        doc(
            "other clusters of those realms, realm/cluster in lower case, each with the URL to which containers' changes are sent (`https://swift.example/v1`); no other place is ever sent to"
        ),
    ] = {}
    tempauth_users: Annotated[
        dict[str, str],
        doc(
            "users of old clients, `account:user`, each with key and groups (`.admin`, `.reseller_admin`); none: no TempAuth",
            secret=True,
        ),
    ] = {}
    host_domains: Annotated[
        tuple[str, ...], doc("domains whose subdomains are accounts: container.account.DOMAIN/object")
    ] = ()
    host_aliases: Annotated[
        dict[str, str], doc("other hosts, each for container.account.DOMAIN (what a CNAME would say)")
    ] = {}
    account_changes: Annotated[
        float, doc("containers made or deleted a second in one account; 0: any number", ge=0)
    ] = 0.0
    container_changes: Annotated[float, doc("changes of objects a second in one container; 0: any number", ge=0)] = 0.0
    container_listings: Annotated[float, doc("listings a second of one container; 0: any number", ge=0)] = 0.0
    account_rates: Annotated[
        dict[str, str],
        doc(
            "accounts with a rule of their own: writes of all kinds a second, `unlimited` (no bound at all), or `refused` (nobody gets in)"
        ),
    ] = {}
    forbidden_characters: Annotated[str, doc("characters that no new name may have")] = ""
    forbidden_pattern: Annotated[
        str, doc("pattern that no path with a new name may match, as `/\\./|/\\.\\./|/\\.$|/\\.\\.$`")
    ] = ""
    cross_domain_policy: Annotated[
        str, doc('lines of /crossdomain.xml, as `<allow-access-from domain="*.example.org" />`; empty: nobody may')
    ] = ""
    inline_bytes: Annotated[int, doc("bodies up to this many bytes lie in the database", ge=0, le=1 << 20)] = 16384
    largest: Annotated[int, doc("bytes of one upload at most", ge=1)] = 5 * (1 << 30) + 2
    name_bytes: Annotated[int, doc("bytes of an object's name at most", ge=1, le=1024)] = 1024
    container_name_bytes: Annotated[int, doc("bytes of a container's name at most", ge=1, le=256)] = 256
    meta_count: Annotated[int, doc("metadata of one account, container or object at most", ge=0)] = 90
    meta_name_bytes: Annotated[int, doc("bytes of a metadata name at most", ge=1)] = 128
    meta_value_bytes: Annotated[int, doc("bytes of a metadata value at most", ge=1)] = 256
    meta_bytes: Annotated[int, doc("bytes of all metadata names and values of one thing at most", ge=1)] = 4096
    listing: Annotated[int, doc("items of a listing at most, and when no limit is asked for", ge=1)] = 10000
    containers_max: Annotated[int, doc("containers of an account; 0: any number", ge=0)] = 0
    segments_max: Annotated[int, doc("segments of a static large object", ge=1)] = 1000
    manifest_bytes: Annotated[int, doc("bytes of a static large object's manifest at most", ge=1)] = 8 << 20
    part_least: Annotated[int, doc("bytes that every part but the last of an S3 upload must have", ge=0)] = 5 << 20
    object_events: Annotated[bool, doc("write a line of the change log for every object, not only for containers")] = (
        False
    )
    grace_seconds: Annotated[int, doc("seconds that a deleted body is kept for those who are reading it", ge=0)] = 60
    orphan_minutes: Annotated[int, doc("age at which a blob that no row names is removed", ge=0)] = 60
    upload_days: Annotated[
        int, doc("days after which an upload in parts that was never completed is removed; 0: never", ge=0)
    ] = 7
    scrub_mib: Annotated[int, doc("MiB a second that the scrubber reads; 0: it does not", ge=0)] = 10
    scrub_days: Annotated[int, doc("days after which a body is read and checked again", ge=1)] = 30
