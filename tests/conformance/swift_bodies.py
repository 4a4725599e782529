"""What some requests of `swift_requests.yaml` are made of: signatures, forms, archives."""

import hmac
import io
import tarfile
import time
from typing import Any
from urllib.parse import quote

EXPIRES = int(time.time()) + 500_000


def signed(path: str, method: str, told: dict[str, Any]) -> str:
    """`path` with a temporary URL's query: `key`, and maybe `method`, `digest`, `expires`, `prefix`, `ip`, `more`."""
    expires = told.get("expires", EXPIRES)
    place = path if "prefix" not in told else "prefix:" + "/".join(path.split("/")[:4]) + "/" + told["prefix"]
    ip = f"ip={told['ip']}\n" if "ip" in told else ""
    message = f"{ip}{told.get('method', method)}\n{expires}\n{place}".encode()
    signature = hmac.new(told["key"].encode(), message, told.get("digest", "sha256")).hexdigest()
    query = f"temp_url_sig={signature}&temp_url_expires={expires}"
    if "prefix" in told:
        query += f"&temp_url_prefix={quote(told['prefix'])}"
    if "ip" in told:
        query += f"&temp_url_ip_range={quote(told['ip'])}"
    return f"{quote(path)}?{query}{told.get('more', '')}"


def form(path: str, told: dict[str, Any]) -> bytes:
    """A signed form with boundary `----x`: `key`, `files` as (name, media, text), and maybe the fields."""
    fields = {"redirect": "", "max_file_size": "1000", "max_file_count": "2", "expires": str(EXPIRES)}
    fields |= {name: str(value) for name, value in told.get("fields", {}).items()}
    names = ("redirect", "max_file_size", "max_file_count", "expires")
    message = "\n".join([path, *(fields[name] for name in names)]).encode()
    fields.setdefault("signature", hmac.new(told["key"].encode(), message, "sha256").hexdigest())
    lines = [
        f'------x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
        if value
    ]
    for number, (name, media, text) in enumerate(told["files"]):
        kind = f"Content-Type: {media}\r\n" if media else ""
        head = f'------x\r\nContent-Disposition: form-data; name="f{number}"; filename="{name}"\r\n{kind}\r\n'
        lines.append(f"{head}{text}\r\n")
    return ("".join(lines) + "------x--\r\n").encode()


def archive(told: dict[str, Any]) -> bytes:
    """A tar of `files` (name, text or null for a folder, maybe attributes), packed as `pack` says (`gz`, `bz2`)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{told.get('pack', '')}", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
        for name, text, *more in told["files"]:
            info = tarfile.TarInfo(name)
            if text is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
                continue
            info.size = len(text)
            if more:
                info.pax_headers = more[0]
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()
