"""What a person is told once the portal is up."""

from __future__ import annotations

from stack.config import RunConfig
from stack.runner import Portal


async def go_on(portal: Portal) -> None:
    """Print the address and the sign-in, and go on."""
    portal.console.plain(banner(portal.config, portal.addresses, portal.administrator))


def banner(config: RunConfig, addresses: dict[str, str], administrator: dict[str, str | bool]) -> str:
    """Address, sign-in and registry, as a block of text."""
    if administrator["password"]:
        password = f"{administrator['password']}   (made now and shown this once)"
    elif administrator["created"]:
        password = "as given in DJANGO_SUPERUSER_PASSWORD"
    else:
        password = (
            f"as before   (a new one: .venv/bin/python manage.py changepassword {administrator['username']})"
        )
    rows = {
        "Registry Portal": f"{addresses['web_url']}/",
        "User": str(administrator["username"]),
        "Password": password,
        "Registry": addresses.get("registry_public_host", "as configured in REGISTRY_URL"),
        "Data": str(config.data_dir),
    }
    lines = [f"  {name:<16} {value}" for name, value in rows.items()]
    rule = "-" * 72
    return "\n".join(["", rule, *lines, "", "  Ctrl-C stops everything.", rule])
