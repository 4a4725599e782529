"""Quotas of compute: what they count."""

from pileus.kernel.db import Tx
from pileus.kernel.quota import Quota, Quotas
from pileus.services.compute.core.neighbours import ComputeSettings
from pileus.services.compute.db import servers


def _instances(tx: Tx, project_id: str) -> int:
    return servers.usage(tx, project_id).instances


def _cores(tx: Tx, project_id: str) -> int:
    return servers.usage(tx, project_id).cores


def _ram(tx: Tx, project_id: str) -> int:
    return servers.usage(tx, project_id).ram


def _none(tx: Tx, project_id: str) -> int:
    """Quotas of things that are counted elsewhere (per request, per user) have no usage of a project."""
    return 0


def quotas(settings: ComputeSettings) -> Quotas:
    """The quotas of the API, with the operator's defaults."""
    return Quotas(
        "compute",
        [
            Quota("instances", default=settings.instances, usage=_instances),
            Quota("cores", default=settings.cores, usage=_cores),
            Quota("ram", default=settings.ram, usage=_ram),
            Quota("metadata_items", default=settings.metadata_items, usage=_none),
            Quota("key_pairs", default=settings.key_pairs, usage=_none),
            Quota("server_groups", default=settings.server_groups, usage=_none),
            Quota("server_group_members", default=settings.server_group_members, usage=_none),
            Quota("injected_files", default=settings.injected_files, usage=_none),
            Quota("injected_file_content_bytes", default=settings.injected_file_content_bytes, usage=_none),
            Quota("injected_file_path_bytes", default=settings.injected_file_path_bytes, usage=_none),
        ],
    )
