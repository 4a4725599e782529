import compatibility


def test_the_compatibility_page_is_current() -> None:
    assert compatibility.PAGE.read_text(encoding="utf-8") == compatibility.page(), "run: python tests/compatibility.py"


def test_what_works_is_really_routed() -> None:
    """The page must not claim what a router cannot find."""
    assert compatibility.status({("GET", "/x/{}", ""): ""}, "GET", "/x/{id}", "", "") == ("works", "")
    assert compatibility.status({("GET", "/x/{}", ""): "absent"}, "GET", "/x/{id}", "", "") == ("not yet", "")
    assert compatibility.status({}, "GET", "/x/{id}", "", "") == ("not yet", "")
