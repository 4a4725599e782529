"""A real OpenLDAP server in a folder, with people like those of a Unix site or of Active Directory."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from cloud_runs import free_port

SUFFIX = "dc=corp,dc=example"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{SUFFIX}", "Directory-Secret-7"
_SCHEMAS = ("core", "cosine", "nis", "inetorgperson", "msuser")
_PRINCIPAL = "objectclass ( 1.3.6.1.4.1.99999.1 NAME 'securityPrincipal' SUP top AUXILIARY MAY sAMAccountName )\n"
"""Active Directory's class that Debian's msuser.schema leaves out."""

UNIX = f"""
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
o: corp
dc: corp

dn: ou=people,{SUFFIX}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{SUFFIX}
objectClass: organizationalUnit
ou: groups

dn: uid=alice,ou=people,{SUFFIX}
objectClass: inetOrgPerson
uid: alice
cn: Alice Jones
sn: Jones
mail: alice@corp.example
description: first of all
employeeType: TRUE
telephoneNumber: 12
telephoneNumber: 34
userPassword: alice-Secret-1

dn: uid=bob,ou=people,{SUFFIX}
objectClass: inetOrgPerson
uid: bob
cn: Bob (the) *builder
sn: Builder
employeeType: TRUE
userPassword: bob-Secret-2

dn: uid=carol,ou=people,{SUFFIX}
objectClass: inetOrgPerson
uid: carol
cn: Carol
sn: Carol
employeeType: FALSE
userPassword: carol-Secret-3

dn: cn=nameless,ou=people,{SUFFIX}
objectClass: inetOrgPerson
cn: nameless
sn: nameless

dn: cn=staff,ou=groups,{SUFFIX}
objectClass: groupOfNames
cn: staff
description: all who work
member: uid=alice,ou=people,{SUFFIX}
member: uid=bob,ou=people,{SUFFIX}
member: uid=gone,ou=people,{SUFFIX}

dn: cn=bosses,ou=groups,{SUFFIX}
objectClass: groupOfNames
cn: bosses
member: uid=carol,ou=people,{SUFFIX}
member: cn=staff,ou=groups,{SUFFIX}
member: cn=bosses,ou=groups,{SUFFIX}

dn: cn=unix,ou=groups,{SUFFIX}
objectClass: posixGroup
cn: unix
gidNumber: 100
memberUid: bob
memberUid: ghost

dn: cn=enabled_users,ou=people,{SUFFIX}
objectClass: groupOfNames
cn: enabled_users
member: UID=Bob,OU=People,{SUFFIX}
"""

_MUST = (
    f"objectClass: securityPrincipal\ninstanceType: 4\nnTSecurityDescriptor: none\nobjectCategory: cn=Thing,{SUFFIX}"
)
ACTIVE = f"""
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
o: corp
dc: corp

dn: ou=Users,{SUFFIX}
objectClass: organizationalUnit
ou: Users

dn: cn=Alice Jones,ou=Users,{SUFFIX}
objectClass: user
{_MUST}
cn: Alice Jones
sn: Jones
sAMAccountName: alice
objectGUID:: AAECAwQFBgcICQoLDA0O/w==
userPrincipalName: alice@corp.example
mail: alice@corp.example
userAccountControl: 512
userPassword: alice-Secret-1

dn: cn=Bob Off,ou=Users,{SUFFIX}
objectClass: user
{_MUST}
cn: Bob Off
sn: Off
sAMAccountName: bob
userAccountControl: 514
userPassword: bob-Secret-2

dn: cn=Inner,ou=Users,{SUFFIX}
objectClass: group
{_MUST}
cn: Inner
sAMAccountName: Inner
groupType: 2
member: cn=Alice Jones,ou=Users,{SUFFIX}

dn: cn=Outer,ou=Users,{SUFFIX}
objectClass: group
{_MUST}
cn: Outer
sAMAccountName: Outer
groupType: 2
member: cn=Inner,ou=Users,{SUFFIX}
"""


class Slapd:
    """`start` returns when it answers; `url` is where. `tls`: certificate and key files, for StartTLS."""

    def __init__(self, place: Path, ldif: str, tls: tuple[Path, Path] | None = None) -> None:
        self.place, self.port = place, free_port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        (place / "data").mkdir(parents=True)
        schemas = "".join(f"include {self._schema(name)}\n" for name in _SCHEMAS)
        secure = f"TLSCertificateFile {tls[0]}\nTLSCertificateKeyFile {tls[1]}\n" if tls else ""
        self._conf = place / "slapd.conf"
        self._conf.write_text(
            f"{schemas}{_PRINCIPAL}modulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile {place}/pid\n{secure}"
            f"sizelimit size.soft=100 size.hard=unlimited\n"
            f'database mdb\nsuffix "{SUFFIX}"\nrootdn "{ADMIN}"\nrootpw {ADMIN_PASSWORD}\n'
            f"directory {place}/data\naccess to attrs=userPassword by anonymous auth by * none\n"
            "access to * by users read by * none\n"
        )
        self._load("slapadd", ["-f", str(self._conf)], ldif)

    def _schema(self, name: str) -> Path:
        """Debian's; its objectGUID cannot be searched for, Active Directory's can."""
        text = Path(f"/etc/ldap/schema/{name}.schema").read_text(encoding="utf-8")
        path = self.place / f"{name}.schema"
        path.write_text(text.replace("NAME 'objectGUID'\n", "NAME 'objectGUID' EQUALITY octetStringMatch\n"))
        return path

    def start(self) -> Slapd:
        command = ["slapd", "-f", str(self._conf), "-h", self.url, "-d", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise RuntimeError("slapd did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def change(self, ldif: str) -> None:
        """Changes in LDIF, as an administrator of the directory makes them."""
        who = ["-x", "-H", self.url, "-D", ADMIN, "-w", ADMIN_PASSWORD]
        self._load("ldapmodify", who, ldif)

    def _load(self, command: str, arguments: list[str], ldif: str) -> None:
        done = subprocess.run(
            [command, *arguments], input=ldif, text=True, capture_output=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
