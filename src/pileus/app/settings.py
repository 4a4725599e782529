"""What the cloud as a whole can be told: where it listens, what it is called, where its rows are."""

from typing import Annotated

from pileus.kernel.config import Section, doc


class CloudSettings(Section, frozen=True):
    """Options of `[cloud]`."""

    host: Annotated[str, doc("Address that all listeners bind to.")] = "127.0.0.1"
    public_host: Annotated[str, doc("Name or address in the catalog's URLs; the listeners' own when empty.")] = ""
    public_url: Annotated[
        str,
        doc(
            "URL under which clients reach all services by path (`https://cloud.example.org:8998`): a proxy's, or the port with TLS. "
            "It then stands in the catalog instead of addresses and ports."
        ),
    ] = ""
    database: Annotated[str, doc("URL of the database; SQLite in the state directory when empty.", secret=True)] = ""
    synchronous: Annotated[str, doc("FULL survives power loss, NORMAL only a killed process (SQLite).")] = "FULL"
    reserve_mib: Annotated[
        int,
        doc(
            "MiB that images and objects leave free on the disk of the state directory: a database that cannot grow can delete nothing either.",
            ge=0,
        ),
    ] = 128
    simulate: Annotated[
        int, doc("Number of simulated hypervisors, as `pileus up --simulate` sets it; 0: as [node] says.")
    ] = 0
    origins: Annotated[tuple[str, ...], doc("Web origins that may call the APIs from a browser.")] = ()
    trust_forwarded: Annotated[bool, doc("Believe X-Forwarded-* headers; only behind a proxy that sets them.")] = False
    tls_certificate: Annotated[str, doc("Path of the certificate (PEM, with its chain) for the port with TLS.")] = ""
    tls_key: Annotated[str, doc("Path of its key.")] = ""
    tls_client_authority: Annotated[
        str,
        doc(
            "Path of the authority whose certificates clients may show at the port with TLS; empty: none is asked for."
        ),
    ] = ""
    certificate_header: Annotated[
        str,
        doc(
            "Header in which a proxy in front, which ends TLS, hands on the client's certificate (PEM, PEM escaped as in URLs, or "
            "base64 of DER); it must take the header away from what clients send. Empty: no certificate is believed."
        ),
    ] = ""
    certificate_peers: Annotated[tuple[str, ...], doc("Addresses from which such a proxy speaks to us.")] = (
        "127.0.0.1",
        "::1",
    )
    policy_dir: Annotated[str, doc("Folder of operators' policy files, <service>.yaml each.")] = ""


class PortSettings(Section, frozen=True):
    """Options of `[ports]`. 0 switches a listener off."""

    shift: Annotated[int, doc("Added to every port: a second cloud on one machine.")] = 0
    identity: Annotated[int, doc("Identity.")] = 5000
    identity_admin: Annotated[int, doc("Identity once more, where old clients look for it.")] = 35357
    image: Annotated[int, doc("Image.")] = 9292
    compute: Annotated[int, doc("Compute.")] = 8774
    metadata: Annotated[int, doc("Metadata of guests, for the network driver's proxy.")] = 8775
    placement: Annotated[int, doc("Placement.")] = 8778
    network: Annotated[int, doc("Network.")] = 9696
    objectstore: Annotated[int, doc("Objects.")] = 8080
    all: Annotated[int, doc("All services by path: /identity, /compute, …")] = 8999
    tls: Annotated[int, doc("The same with TLS; asks for `[cloud] tls_certificate` and `tls_key`.")] = 0
