"""Which hosts belong together: the registrable domain, judged carefully rather than completely.

Without the public suffix list this errs to the safe side: two hosts that really are one organisation's may be
taken for strangers (the operator then names the realm), never the other way round for the suffixes that
registries live under.
"""

from __future__ import annotations

from typing import Final

from oci.hosts import literal_address

#: Second levels under which countries register names (``co.uk``, ``com.cn``).
_SECOND_LEVELS: Final = frozenset(
    [
        *(
            "ac",
            "ad",
            "asn",
            "asso",
            "biz",
            "co",
            "com",
            "ed",
            "edu",
            "go",
            "gob",
            "gouv",
            "gov",
            "govt",
            "gr",
        ),
        *("id", "idv", "ind", "info", "lg", "ltd", "mil", "muni", "name", "ne", "net", "nhs", "nic", "nom"),
        *("or", "org", "plc", "police", "pro", "sch", "school", "web"),
    ]
)
#: Suffixes under which anyone can get a name: each name below is another owner's.
_SHARED: Final = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "appspot.com",
    "azurecr.cn",
    "azurecr.io",
    "azurecr.us",
    "azureedge.net",
    "azurewebsites.net",
    "blogspot.com",
    "cloudapp.azure.com",
    "cloudapp.net",
    "cloudfront.net",
    "core.windows.net",
    "ddns.net",
    "deno.dev",
    "digitaloceanspaces.com",
    "duckdns.org",
    "dyndns.org",
    "fly.dev",
    "githubusercontent.com",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "jfrog.io",
    "netlify.app",
    "ngrok.app",
    "ngrok.dev",
    "ngrok.io",
    "ngrok-free.app",
    "nip.io",
    "no-ip.org",
    "onrender.com",
    "pages.dev",
    "pkg.dev",
    "r2.dev",
    "railway.app",
    "run.app",
    "sslip.io",
    "surge.sh",
    "trycloudflare.com",
    "vercel.app",
    "web.app",
    "workers.dev",
    "xip.io",
)


def registrable_domain(host: str) -> str | None:
    """The name that someone registered and ``host`` is part of; None for addresses and single labels.

    :param host: lower-case, without port.
    """
    if literal_address(host) is not None:
        return None
    labels = host.split(".")
    if len(labels) < 2 or not all(labels):
        return None
    for suffix in _SHARED:
        if host == suffix:
            return None
        if host.endswith(f".{suffix}"):
            return ".".join(labels[-(suffix.count(".") + 2) :])
    keep = 2
    if len(labels[-1]) == 2 and (labels[-2] in _SECOND_LEVELS or len(labels[-2]) == 2):
        keep = 3
    return ".".join(labels[-keep:]) if len(labels) >= keep else None
