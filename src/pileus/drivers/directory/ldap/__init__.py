"""Directories that speak LDAP: OpenLDAP, Active Directory and their like."""

from pileus.drivers.directory.ldap.directory import LdapDirectory

__all__ = ["LdapDirectory"]
