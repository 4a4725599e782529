"""The guest's image and its size."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pileus.cli.image import build_guest
from pileus.cli.output import Failure
from pileus.cli.walk.walker import Walker

IMAGE = "pileus-guest"
FLAVOR = "pileus.tiny"
MIB = 1 << 20


def build(walker: Walker) -> str:
    """Builds the image file when the builder has changed since the last time."""
    target = walker.state.path / "quickstart" / "guest.qcow2"
    mark = target.with_suffix(".builder")
    current = recipe()
    if target.exists() and mark.exists() and mark.read_text(encoding="utf-8") == current:
        walker.found["file"] = target
        return f"is there, {target.stat().st_size / 1e6:.1f} MB"
    try:
        build_guest(target)
    except Failure as failure:
        if walker.real:
            raise
        walker.found["file"] = _blank(target.with_name("blank.raw"))
        return f"a blank disk, as machines are simulated and {failure.message}"
    mark.write_text(current, encoding="utf-8")
    walker.found["file"] = target
    return f"built, {target.stat().st_size / 1e6:.1f} MB"


def upload(walker: Walker) -> str:
    """Brings the file into the image service, unless these very bytes are there already."""
    path: Path = walker.found["file"]
    digest = hashlib.sha512(path.read_bytes()).hexdigest()
    for image in walker.cloud.image.images(name=IMAGE):
        if image.status == "active" and image.hash_value == digest:
            walker.found["image"] = image
            return f"is there, {image.id}"
        walker.cloud.image.delete_image(image, ignore_missing=True)
    image = walker.cloud.image.create_image(
        name=IMAGE,
        filename=str(path),
        disk_format="qcow2" if path.suffix == ".qcow2" else "raw",
        container_format="bare",
        visibility="public",
        min_ram=96,
        validate_checksum=False,
        disable_vendor_agent=False,
        allow_duplicates=True,
        wait=True,
        timeout=300,
    )
    image = walker.cloud.image.get_image(image.id)
    if image.hash_value != digest:
        raise Failure(f"image {image.id} has other bytes than {path}: sha512 {image.hash_value}, not {digest}")
    walker.found["image"] = image
    return f"{image.size / 1e6:.1f} MB as {image.id}, sha512 right"


def flavor(walker: Walker) -> str:
    found = walker.cloud.compute.find_flavor(FLAVOR)
    made = found is None
    if made:
        found = walker.cloud.compute.create_flavor(name=FLAVOR, ram=192, vcpus=1, disk=1)
    walker.found["flavor"] = found
    return f"{'made' if made else 'is there'}, 1 vCPU, 192 MB, 1 GB"


def recipe() -> str:
    """Changes when the builder does."""
    folder = Path(__file__).parent.parent / "guest"
    return hashlib.sha256(b"".join(p.read_bytes() for p in sorted(folder.glob("*.sh")))).hexdigest()


def _blank(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        os.truncate(file.fileno(), MIB)
    return path
