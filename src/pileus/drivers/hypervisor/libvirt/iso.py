"""An ISO 9660 image of a few files, made in memory: the config drive."""

import io
from collections.abc import Mapping

from pileus.drivers.hypervisor.protocol import HypervisorError

LABEL = "config-2"
_JOLIET_NAME = 64


def iso9660(files: Mapping[str, bytes]) -> bytes:
    """`files`: path -> content. Blocking CPU work, 5-10 ms. Rock Ridge and Joliet carry the names; the plain ISO names are
    numbers, so no name of a user can be illegal there. The same files give the same bytes but for the dates."""
    import pycdlib  # noqa: PLC0415 - slow to import, needed only with config drives

    disc = pycdlib.PyCdlib()
    disc.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    plain: dict[str, str] = {"": ""}
    for path in sorted(files):
        *folders, name = _parts(path)
        for depth in range(len(folders)):
            folder, parent = "/".join(folders[: depth + 1]), "/".join(folders[:depth])
            if folder not in plain:
                plain[folder] = f"{plain[parent]}/D{len(plain)}"
                disc.add_directory(plain[folder], rr_name=folders[depth], joliet_path=f"/{folder}")
        parent = "/".join(folders)
        at = f"{plain[parent]}/F{len(plain)}.;1"
        plain[f"\0{path}"] = at
        joliet = f"/{parent}/{name}" if parent else f"/{name}"
        disc.add_fp(io.BytesIO(files[path]), len(files[path]), at, rr_name=name, joliet_path=joliet)
    written = io.BytesIO()
    disc.write_fp(written)
    disc.close()
    return written.getvalue()


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part]
    if not parts or any(part in (".", "..") or len(part) > _JOLIET_NAME or "\0" in part for part in parts):
        raise HypervisorError(f"not a path for a config drive: {path!r}")
    return parts
