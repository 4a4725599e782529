"""`[image]` of `pileus.toml`."""

from typing import Annotated, Literal

from pileus.kernel.config import Section, doc


class ImageSettings(Section, frozen=True, kw_only=True):
    """Settings of the image service."""

    stores: Annotated[
        tuple[Literal["file", "swift"], ...],
        doc(
            "where data may lie: file (`images` in the state directory), swift (the object store); the first is the default",
            min_length=1,
        ),
    ] = ("file", "swift")
    store_descriptions: Annotated[dict[str, str], doc("what /v2/info/stores says of stores, by name")] = {}
    container_formats: Annotated[tuple[str, ...], doc("container formats that an image may have")] = (
        "ami",
        "ari",
        "aki",
        "bare",
        "ovf",
        "ova",
        "docker",
        "compressed",
    )
    disk_formats: Annotated[tuple[str, ...], doc("disk formats that an image may have")] = (
        "ami",
        "ari",
        "aki",
        "vhd",
        "vhdx",
        "vmdk",
        "raw",
        "qcow2",
        "vdi",
        "iso",
        "ploop",
    )
    require_format_match: Annotated[bool, doc("refuse data that is not what its disk_format says")] = True
    gpt_checks_nonfatal: Annotated[
        tuple[str, ...], doc("safety checks of GPT disks that only warn: mbr, gptmbr (off is safer)")
    ] = ()
    size_cap: Annotated[int, doc("largest image in bytes", ge=1)] = 1 << 40
    page_size: Annotated[int, doc("items of a list when no limit is asked for", ge=1)] = 25
    page_size_max: Annotated[int, doc("most items of a list", ge=1)] = 1000
    properties_max: Annotated[int, doc("properties of one image; -1: any number", ge=-1)] = 128
    tags_max: Annotated[int, doc("tags of one image; -1: any number", ge=-1)] = 128
    members_max: Annotated[int, doc("members of one image; -1: any number", ge=-1)] = 128
    count_total: Annotated[int, doc("images of a project; -1: any number", ge=-1)] = -1
    count_uploading: Annotated[int, doc("images of a project that are uploaded at once; -1: any number", ge=-1)] = -1
    size_total: Annotated[int, doc("MiB that a project's images may take; -1: any", ge=-1)] = -1
    stage_total: Annotated[int, doc("MiB that a project's staged images may take; -1: any", ge=-1)] = -1
    task_hours: Annotated[int, doc("hours that the record of an import is kept", ge=1)] = 48
    orphan_minutes: Annotated[int, doc("age at which data that no image names is removed", ge=0)] = 60
