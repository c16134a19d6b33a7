"""A directory of people on loopback: OpenLDAP's own server, and what stands before it as docs/operation.md says.

The portal speaks no LDAP, an OIDC provider does. :class:`Connector` asks the directory as Dex's connector does
(dexidp.io/docs/connectors/ldap), by the very configuration of the guide: find the person as the reader, bind as the
person with the password, find the groups as the reader.
"""

from __future__ import annotations

import base64
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stack.services.ports import LOOPBACK, is_free
from stack.services.spec import ServiceSpec
from stack.services.tools import find
from testbed.processes import Running
from testbed.services import start_on_free_port

SUFFIX: Final = "dc=example,dc=com"
ROOT: Final = (f"cn=root,{SUFFIX}", "root-of-the-directory")
#: LDAP's resultCode for a wrong name or password (RFC 4511, 4.1.9).
INVALID_CREDENTIALS: Final = 49

_CONFIG: Final = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
database mdb
maxsize 16777216
suffix "{suffix}"
rootdn "{root[0]}"
rootpw {root[1]}
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,{suffix}" read by * none
"""


@dataclass
class Directory:
    """A running ``slapd``."""

    running: Running
    port: int

    @property
    def url(self) -> str:
        """As OpenLDAP's clients take it."""
        return f"ldap://{LOOPBACK}:{self.port}"

    def change(self, ldif: str) -> None:
        """Make a change as the directory's administrator.

        :param ldif: RFC 2849's ``changetype``; may be indented.
        """
        command = ["ldapmodify", "-x", "-H", self.url, "-D", ROOT[0], "-w", ROOT[1]]
        subprocess.run(command, input=textwrap.dedent(ldif), text=True, check=True, capture_output=True)


@contextmanager
def directory(folder: Path, ldif: str) -> Iterator[Directory]:
    """A directory with these entries, in a folder of its own.

    :param ldif: may be indented.
    """
    (folder / "data").mkdir(parents=True)
    config, program = folder / "slapd.conf", find("slapd")
    assert program, "slapd is missing; make test installs it"
    config.write_text(_CONFIG.format(folder=folder, suffix=SUFFIX, root=ROOT), encoding="utf-8")
    add = [str(Path(program).with_name("slapadd")), "-f", str(config)]
    subprocess.run(add, input=textwrap.dedent(ldif), text=True, check=True, capture_output=True)

    def make(port: int) -> ServiceSpec:
        url = f"ldap://{LOOPBACK}:{port}"
        argv = [program, "-f", str(config), "-h", url, "-d", "0"]  # -d: stays in the foreground
        return ServiceSpec(name="slapd", argv=argv, ready=lambda: not is_free(port))

    running, port = start_on_free_port(make, folder / "slapd.log")
    try:
        yield Directory(running, port)
    finally:
        running.stop()


@dataclass
class Connector:
    """Asks a directory by a Dex connector's ``config``."""

    url: str
    config: Mapping[str, Any]

    def claims(self, name: str, password: str, scopes: set[str]) -> dict[str, Any] | None:
        """What a provider says of this person; None for a wrong name or password."""
        people = self.config["userSearch"]
        reader = (self.config["bindDN"], self.config["bindPW"])
        found = self._search(reader, people["baseDN"], f"({people['username']}={_escaped(name)})")
        assert found is not None, "the reader's own password is wrong"
        if len(found) != 1 or not password or self._search((found[0]["dn"], password), "", "(cn=*)") is None:
            return None
        person = found[0]
        claims: dict[str, Any] = {
            "sub": person[people["idAttr"]],
            "email": person[people["emailAttr"]],
            "email_verified": True,
            "name": person[people["nameAttr"]],
            "preferred_username": person[people["preferredUsernameAttr"]],
        }
        return claims | ({"groups": self._groups(reader, person)} if "groups" in scopes else {})

    def _groups(self, reader: tuple[str, str], person: Mapping[str, str]) -> list[str]:
        wanted = self.config["groupSearch"]
        names = []
        for matcher in wanted["userMatchers"]:
            own = person["dn" if matcher["userAttr"] == "DN" else matcher["userAttr"]]
            query = f"(&{wanted['filter']}({matcher['groupAttr']}={_escaped(own)}))"
            names += [
                each[wanted["nameAttr"]] for each in self._search(reader, wanted["baseDN"], query) or ()
            ]
        return names

    def _search(self, who: tuple[str, str], base: str, query: str) -> list[dict[str, str]] | None:
        """Entries as attribute to (last) value, ``dn`` among them; None where name or password is wrong."""
        command = [
            "ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", self.url, "-D", who[0], "-w", who[1],
            "-b", base or who[0], *(() if base else ("-s", "base")), query,
        ]  # fmt: skip
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        if done.returncode == INVALID_CREDENTIALS:
            return None
        # A person may read nothing, not even themselves: then the answer is "no such object".
        assert done.returncode == 0 or not base, done.stderr
        return list(_entries(done.stdout))


def _entries(ldif: str) -> Iterator[dict[str, str]]:
    for block in ldif.strip().split("\n\n"):
        entry = {}
        for line in filter(None, block.splitlines()):
            name, _, value = line.partition(":")
            coded = value.startswith(":")
            entry[name] = base64.b64decode(value[1:]).decode() if coded else value.strip()
        if entry:
            yield entry


def _escaped(text: str) -> str:
    """As a value in a filter (RFC 4515, 3)."""
    return "".join(f"\\{ord(letter):02x}" if letter in "\\*()\0" else letter for letter in text)
