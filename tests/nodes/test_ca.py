"""The built-in certificate authority."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from pileus.kernel.nodes import Authority, ca, fingerprint, request_for


def test_an_authority_is_made_once_and_its_keys_are_secret(tmp_path: Path) -> None:
    first, second = Authority(tmp_path, "nodes"), Authority(tmp_path, "nodes")
    assert first.fingerprint == second.fingerprint == fingerprint((tmp_path / "nodes.pem").read_bytes())
    assert first.fingerprint != Authority(tmp_path, "control").fingerprint
    first.issue(tmp_path, "n", ["n"])
    for name in ("nodes.key", "n.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_leaf_is_kept_while_it_serves_and_made_anew_when_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path, "nodes")
    pem = authority.issue(tmp_path, "n", ["n", "10.0.0.1"]).certificate.read_bytes()
    found = x509.load_pem_x509_certificate(pem)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["n"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    assert authority.issue(tmp_path, "n", ["n", "10.0.0.1"]).certificate.read_bytes() == pem
    other_names = authority.issue(tmp_path, "n", ["n"]).certificate.read_bytes()
    assert other_names != pem
    other_issuer = Authority(tmp_path, "control").issue(tmp_path, "n", ["n"]).certificate.read_bytes()
    assert other_issuer != other_names
    monkeypatch.setattr(ca, "LEAF_LIFE", timedelta(days=5000))
    assert Authority(tmp_path, "control").issue(tmp_path, "n", ["n"]).certificate.read_bytes() != other_issuer


def test_sign_grants_the_names_it_is_told_not_those_asked_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "nodes")
    _, request = request_for(["wanted", "more"])
    found = x509.load_pem_x509_certificate(authority.sign(request, ["granted"]))
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["granted"]
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with pytest.raises(ValueError, match="PEM"):
        authority.sign(b"nonsense", ["x"])
