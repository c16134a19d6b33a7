"""Which hosts belong together: the registrable domain, by the Public Suffix List (``publicsuffixlist`` brings it).

The list holds what owners of suffixes have entered. What they have not, and what is no name of the public DNS, is
taken for strange: an operator then names the token server (``IMPORT_TRUSTED_REALMS``). Two hosts of one owner may so
be taken for strangers; the other way round takes a suffix that neither the list nor :data:`_SHARED` knows.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from publicsuffixlist import PublicSuffixList

from oci.egress.hosts import literal_address

#: Where customers, or anyone, get names and the list says nothing or too little: below these no two hosts are known
#: to be one owner's. Checked against the list of October 2026.
_SHARED: Final = frozenset(
    {
        # Amazon: ECR, API Gateway, functions, load balancers, each with regions in between.
        *("amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws", "on.aws"),
        *("amazonlightsail.com", "awsapprunner.com"),
        # Microsoft: registries, machines, storage.
        *("azurecr.cn", "azurecr.de", "azurecr.io", "azurecr.us"),
        *("azmk8s.io", "azure.net", "azurecontainer.io", "azurecontainerapps.io", "cloudapp.azure.com"),
        *("chinacloudapi.cn", "chinacloudapp.cn", "usgovcloudapi.net", "usgovcloudapp.net", "windows.net"),
        *("devtunnels.ms", "github.dev", "githubusercontent.com"),
        # Google.
        *("googleapis.com", "googleusercontent.com", "cloudworkstations.dev", "pkg.dev", "run.app"),
        # Alibaba, Tencent, Huawei, Baidu, Volcengine, JD.
        *("alicloudapi.com", "alicontainer.com", "aliyuncs.com", "fcapp.run"),
        *("myqcloud.com", "tcloudbaseapp.com", "tencentcloudcr.com", "tencentcs.com", "tencentscf.com"),
        *("baidubce.com", "bcebos.com", "huaweicloudapis.com", "myhuaweicloud.com"),
        *("ivolces.com", "volces.com", "jdcloud.com"),
        # Oracle, IBM, Red Hat, Snowflake.
        *("customer-oci.com", "oraclecloud.com", "oraclegovcloud.com", "oraclevcn.com"),
        *("appdomain.cloud", "openshiftapps.com", "snowflakecomputing.com"),
        # Registries as a service.
        *("c8n.io", "container-registry.com", "jfrog.io", "jfrog.team"),
        # Smaller clouds and hosters.
        *(
            "civo.com",
            "contaboserver.net",
            "cr.cloud.ru",
            "digitaloceanspaces.com",
            "hetzner.cloud",
            "ionos.com",
        ),
        *("linodeobjects.com", "ondigitalocean.com", "ovh.net", "ovh.us", "scw.cloud", "vultrcr.com"),
        *("vultrobjects.com", "vultrusercontent.com", "yandexcloud.net", "your-server.de"),
        # Platforms that run anyone's programs.
        *("beam.cloud", "code.run", "gitpod.io", "glitch.me", "koyeb.app", "modal.run", "northflank.app"),
        *("railway.app", "replit.dev", "runpod.net", "sealos.io", "sealos.run"),
        # Names for addresses, and tunnels.
        *("lhr.life", "lhr.rocks", "loca.lt", "localhost.run", "nip.io", "pinggy.io", "pinggy.link"),
        *("serveo.net", "sslip.io", "traefik.me", "xip.io", "zrok.io"),
    }
)
#: A region, which begins by its continent; places of buckets (``oss-cn-hangzhou``) do not.
_REGION: Final = r"(?:cn|ap|us|eu|me|na)-[a-z0-9-]+"
#: Alibaba has its registries and their token servers among its customers' names:
#: ``registry.cn-hangzhou.aliyuncs.com`` and ``team-registry.cn-hangzhou.cr.aliyuncs.com`` send to
#: ``dockerauth.cn-hangzhou.aliyuncs.com`` and the like.
_ALIBABA: Final = re.compile(
    rf"(?:registry(?:-intl)?(?:-vpc|-internal)?(?:\.{_REGION})?"
    rf"|[a-z0-9-]+-registry(?:-vpc)?\.{_REGION}\.cr"
    rf"|dockerauth(?:-ee)?(?:-vpc)?(?:[.-]{_REGION})?)\.aliyuncs\.com",
    re.ASCII,
)


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    """Read when it is first needed: that takes some tenths of a second. Knows names in their ASCII form, too."""
    return PublicSuffixList(accept_unknown=False)


def registrable_domain(host: str) -> str | None:
    """The name that someone registered and ``host`` is part of; None where no one can say: addresses, single labels,
    suffixes, names below a suffix that many share, top levels that are in no list.

    :param host: lower-case ASCII, without port.
    """
    labels = host.split(".")
    if literal_address(host) is not None or not all(labels):
        return None
    if any(".".join(labels[start:]) in _SHARED for start in range(len(labels))):
        return "aliyuncs.com" if _ALIBABA.fullmatch(host) else None
    return _suffixes().privatesuffix(host)
