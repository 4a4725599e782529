"""SAML 2.0, spoken with pysaml2 and the program xmlsec1: `PySaml`."""

from pileus.drivers.federation.saml.party import PySaml

__all__ = ["PySaml"]
