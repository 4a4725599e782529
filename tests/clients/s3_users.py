"""S3 clients of several users of one live cloud, for the tests of its S3 face."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError

from cloud import PASSWORD, LiveCloud


class Users:
    """`of("eve", "their-project", "member")` is a boto3 client of that user, made with project and role when missing."""

    def __init__(self, live: LiveCloud) -> None:
        self.live = live
        self.keys: dict[tuple[str, str], dict[str, str]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{8080 + self.live.shift}"

    def of(self, user: str, project: str, role: str = "member", **config: Any) -> Any:
        if (user, project) not in self.keys:
            self._make(user, project, role)
        keys = self.keys[user, project]
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=keys["access"],
            aws_secret_access_key=keys["secret"],
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **config),
        )

    def _make(self, user: str, project: str, role: str) -> None:
        with self.live.client("admin") as http:

            def ensure(kind: str, name: str, **more: str) -> str:
                found = http.get(f"/identity/v3/{kind}", params={"name": name}).json()[kind]
                if found:
                    return str(found[0]["id"])
                return str(
                    http.post(f"/identity/v3/{kind}", json={kind[:-1]: {"name": name, **more}}).json()[kind[:-1]]["id"]
                )

            user_id, project_id = ensure("users", user, password=PASSWORD), ensure("projects", project)
            role_id = ensure("roles", role)
            path = f"/identity/v3/projects/{project_id}/users/{user_id}/roles/{role_id}"
            assert http.put(path).status_code == 204
            made = http.post(f"/identity/v3/users/{user_id}/credentials/OS-EC2", json={"tenant_id": project_id})
            self.keys[user, project] = made.json()["credential"]


def refused(code: str, call: Callable[..., Any], **given: Any) -> int:
    """The call is refused with that code; its status."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    assert caught.value.response["Error"]["Code"] == code
    return int(caught.value.response["ResponseMetadata"]["HTTPStatusCode"])
