"""What compute's decisions and sagas have at hand."""

from dataclasses import dataclass
from typing import Annotated

from pileus.contracts.identity import Identity
from pileus.contracts.image import Image
from pileus.contracts.network import Network
from pileus.contracts.placement import Placement
from pileus.kernel.config import Section, doc
from pileus.kernel.db import Database
from pileus.kernel.nodes import Nodes
from pileus.kernel.quota import Quotas


class ComputeSettings(Section, frozen=True):
    """Options of `[compute]`."""

    default_zone: Annotated[str, doc("Availability zone of hosts that are in no other.")] = "nova"
    cpu_ratio: Annotated[float, doc("How many virtual CPUs a host offers for each of its own.")] = 4.0
    ram_ratio: Annotated[float, doc("How much memory a host offers for each byte of its own.")] = 1.0
    disk_ratio: Annotated[float, doc("How much disk a host offers for each byte of its own.")] = 1.0
    reserved_ram_mb: Annotated[int, doc("Memory of a host that guests never get, in MiB.")] = 512
    max_candidates: Annotated[
        int, doc("Hosts that the scheduler weighs for one server; a random choice when there are more.")
    ] = 200
    domain: Annotated[str, doc("Domain of guests' host names in metadata.")] = "novalocal"
    stop_timeout: Annotated[int, doc("Seconds that a guest has to shut down before its power is cut.")] = 60
    default_flavors: Annotated[bool, doc("Make the flavors m1.nano to m1.xlarge at first start.")] = True
    instances: Annotated[int, doc("Default quota of servers in a project; -1 is unlimited.")] = 10
    cores: Annotated[int, doc("Default quota of virtual CPUs in a project.")] = 20
    ram: Annotated[int, doc("Default quota of memory in a project, in MiB.")] = 51200
    metadata_items: Annotated[int, doc("Most metadata entries of a server.")] = 128
    key_pairs: Annotated[int, doc("Most key pairs of a user.")] = 100
    server_groups: Annotated[int, doc("Default quota of server groups in a project.")] = 10
    server_group_members: Annotated[int, doc("Most members of a server group.")] = 10
    injected_files: Annotated[int, doc("Most files that a create request may bring (API before 2.57).")] = 5
    injected_file_content_bytes: Annotated[int, doc("Most bytes of such a file.")] = 10240
    injected_file_path_bytes: Annotated[int, doc("Longest path of such a file.")] = 255


@dataclass(frozen=True)
class Neighbours:
    settings: ComputeSettings
    db: Database
    nodes: Nodes
    identity: Identity
    placement: Placement
    image: Image
    network: Network
    quotas: Quotas
