"""Requests held against what a caller may ask for."""

import pytest

from pileus.kernel.rest.reach import pattern, reaches
from pileus.kernel.types import Reach


@pytest.mark.parametrize(
    ("text", "path", "fits"),
    [
        ("/v3/users", "/v3/users", True),
        ("/v3/users", "/v3/users/", False),
        ("/v3/users", "/v3/usersx", False),
        ("/v3/users/{user_id}", "/v3/users/a", True),
        ("/v3/users/{user_id}", "/v3/users/", False),
        ("/v3/users/{user_id}", "/v3/users/a/b", False),
        ("/v3/*/x", "/v3/a/x", True),
        ("/v3/*/x", "/v3/a/b/x", False),
        ("/v3/a*", "/v3/abc", True),
        ("/v3/**", "/v3/a/b/c", True),
        ("/v3/**", "/v3/", True),
        ("/v3/**", "/v2/", False),
        ("**", "/anything/at/all", True),
        ("/v3/a.c", "/v3/abc", False),
        ("/v3/a(b|c)+", "/v3/abb", False),
        ("/v3/{open", "/v3/{open", True),
        ("/v3/{a}{b}", "/v3/xy", True),
    ],
)
def test_patterns(text: str, path: str, fits: bool) -> None:
    assert bool(pattern(text).fullmatch(path)) is fits


def test_service_method_and_path_must_fit_in_one_rule() -> None:
    allowed = [Reach("volumev3", "GET", "/v3/**"), Reach("image", "POST", "/v2/images")]
    types = ["volumev3", "block-storage"]
    assert reaches(allowed, types, "GET", ["/v3/x"])
    assert not reaches(allowed, types, "POST", ["/v3/x"])
    assert not reaches(allowed, types, "POST", ["/v2/images"])
    assert reaches(allowed, ["image"], "POST", ["/nothing", "/v2/images"])
    assert not reaches([], types, "GET", ["/v3/x"])
    assert not reaches(allowed, [], "GET", ["/v3/x"])
