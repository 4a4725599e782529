"""The end of a console log that virtlogd writes and rotates (`console.log`, older: `.0`, `.1`)."""

from pathlib import Path


def tail(log: Path, last_bytes: int) -> bytes:
    """Blocking. Reads no more than asked for."""
    parts: list[bytes] = []
    missing = last_bytes
    for path in (log, log.with_name(log.name + ".0"), log.with_name(log.name + ".1")):
        if missing <= 0 or not path.exists():
            break
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - missing))
            parts.append(file.read(missing))
        missing -= len(parts[-1])
    return b"".join(reversed(parts))
