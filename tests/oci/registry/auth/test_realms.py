"""Which hosts are taken for one organisation's: what the Public Suffix List says, and what it lacks."""

from __future__ import annotations

import pytest

from oci.registry.auth.credentials import may_see_credential
from oci.registry.auth.realms import registrable_domain
from oci.urls import Url


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("auth.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
        ("ghcr.io", "ghcr.io"),
        ("quay.io", "quay.io"),
        ("eu.gcr.io", "gcr.io"),
        ("registry.gitlab.com", "gitlab.com"),
        ("public.ecr.aws", "ecr.aws"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("registry.example.com.cn", "example.com.cn"),
        ("registry.xn--55qx5d.cn", "registry.xn--55qx5d.cn"),
        ("a.registry.xn--55qx5d.cn", "registry.xn--55qx5d.cn"),
        ("one.github.io", "one.github.io"),
        ("x.one.github.io", "one.github.io"),
        ("x.mine.us-central1.run.app", None),
    ],
)
def test_the_registered_name(host: str, domain: str | None) -> None:
    assert registrable_domain(host) == domain


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "127.0.0.1", "::1", "10.0.0.1", "0x7f.1", "a..b", "", "."),
        *("co.uk", "com.cn", "github.io", "azurecr.io", "amazonaws.com"),
        # Not of the public DNS: nobody registered them, and who has them nobody can say.
        *("registry.team.internal", "a.team.svc.cluster.local", "reg.example.corp", "nas.lan"),
    ],
)
def test_what_nobody_registered(host: str) -> None:
    assert registrable_domain(host) is None


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("auth.docker.io", "registry-1.docker.io"),
        ("registry.gitlab.com", "gitlab.com"),
        ("registry.digitalocean.com", "api.digitalocean.com"),
        ("registry.cn-hangzhou.aliyuncs.com", "dockerauth.cn-hangzhou.aliyuncs.com"),
        ("registry-vpc.cn-beijing.aliyuncs.com", "dockerauth-vpc.cn-beijing.aliyuncs.com"),
        ("team-registry.cn-hangzhou.cr.aliyuncs.com", "dockerauth-ee.cn-hangzhou.aliyuncs.com"),
        ("team-registry.cn-zhangjiakou.cr.aliyuncs.com", "dockerauth-cn-zhangjiakou.aliyuncs.com"),
        ("registry.example.co.uk", "auth.example.co.uk"),
    ],
)
def test_a_registrys_own_token_server_gets_its_password(registry: str, realm: str) -> None:
    assert _trusts(registry, realm)


@pytest.mark.parametrize(
    "suffix",
    [
        # A registry and a stranger's host that only share what a cloud gives everyone.
        *("us-central1.run.app", "a.run.app", "cloudfunctions.net", "appspot.com", "pkg.dev", "web.app"),
        *("storage.googleapis.com", "cloudworkstations.dev", "bc.googleusercontent.com"),
        *("dkr.ecr.eu-west-1.amazonaws.com", "execute-api.eu-west-1.amazonaws.com", "s3.amazonaws.com"),
        *("s3.eu-west-1.amazonaws.com", "eu-west-1.elb.amazonaws.com", "dkr.ecr.cn-north-1.amazonaws.com.cn"),
        *("lambda-url.us-east-1.on.aws", "dkr-ecr.us-east-1.on.aws", "us-east-1.awsapprunner.com"),
        *("cloudfront.net", "us-east-1.elasticbeanstalk.com", "us-east-1.cs.amazonlightsail.com"),
        *("azurecr.io", "eastus.data.azurecr.io", "azurecr.cn", "azurecr.us", "blob.core.windows.net"),
        *("z1.web.core.windows.net", "westeurope.cloudapp.azure.com", "azurewebsites.net", "azure-api.net"),
        *("westeurope.azurecontainer.io", "env-1.westeurope.azurecontainerapps.io", "azurefd.net"),
        *("z6.blob.storage.azure.net", "blob.core.chinacloudapi.cn", "blob.core.usgovcloudapi.net"),
        *("euw.devtunnels.ms", "app.github.dev", "githubusercontent.com", "github.io", "gitlab.io"),
        *("oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou.fc.aliyuncs.com", "cn-hangzhou.fcapp.run"),
        *("cos.ap-guangzhou.myqcloud.com", "tencentcloudcr.com", "gz.apigw.tencentcs.com"),
        *("obs.cn-north-4.myhuaweicloud.com", "swr-pro.cn-north-4.myhuaweicloud.com", "cr.volces.com"),
        *("objectstorage.us-ashburn-1.oci.customer-oci.com", "us-south.containers.appdomain.cloud"),
        *("digitaloceanspaces.com", "fra1.digitaloceanspaces.com", "ondigitalocean.app", "linodeobjects.com"),
        *("gra7.container-registry.ovh.net", "fr-par.scw.cloud", "vultrcr.com", "your-server.de"),
        *("storage.yandexcloud.net", "cr.de-fra.ionos.com", "registry.snowflakecomputing.com"),
        *("jfrog.io", "container-registry.com", "hf.space", "zeabur.app", "fly.dev", "herokuapp.com"),
        *("onrender.com", "up.railway.app", "railway.app", "koyeb.app", "code.run", "vercel.app"),
        *("netlify.app", "pages.dev", "workers.dev", "deno.dev", "r2.dev", "replit.app", "replit.dev"),
        *("trycloudflare.com", "ngrok.io", "eu.ngrok.io", "ngrok-free.app", "loca.lt", "lhr.life", "zrok.io"),
        *("duckdns.org", "ddns.net", "nip.io", "sslip.io", "xip.io", "ts.net", "traefik.me"),
    ],
)
def test_what_shares_only_a_suffix_that_everyone_shares_is_strange(suffix: str) -> None:
    assert not _trusts(f"mine.{suffix}", f"evil.{suffix}")
    assert not _trusts(f"registry.mine.{suffix}", f"registry.evil.{suffix}")


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("123.dkr.ecr.eu-west-1.amazonaws.com", "evil.execute-api.eu-west-1.amazonaws.com"),
        ("team-registry.cn-hangzhou.cr.aliyuncs.com", "evil.cn-hangzhou.fc.aliyuncs.com"),
        # A bucket by the name of a token server.
        ("registry.cn-hangzhou.aliyuncs.com", "dockerauth.oss-cn-hangzhou.aliyuncs.com"),
        ("registry.team-a.svc.cluster.local", "evil.team-b.svc.cluster.local"),
        ("10.0.0.1", "10.0.0.2"),
    ],
)
def test_what_is_unknown_is_strange(registry: str, realm: str) -> None:
    assert not _trusts(registry, realm)


def _trusts(registry: str, realm: str) -> bool:
    return may_see_credential(Url("https", registry, 443), Url("https", realm, 443), ())
