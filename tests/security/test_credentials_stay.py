"""A person's user name and password go to the registry they are for, and nowhere else, whatever it answers.

Every host that takes part records all that it was sent; each is searched for the secret in every form.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme

from accounts.exceptions import FieldErrors
from imageimport.choices import Status
from imageimport.models import Credential, ImportTask
from imageimport.sources import services as source_rules
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn, BearerSignIn, TokenServer, basic_header
from testbed.scripted_http import Reply, ScriptedServer
from testbed.scripted_registry import ScriptedRegistry, redirect, unauthorised_once
from tests.support.factories import CredentialFactory, ProjectFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_free")]

USER, SECRET = "reader", "cANARY/password+1"
BASIC = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()

Run = Callable[..., ImportTask]


def shown_to(server: ScriptedServer) -> bool:
    """Whether a host was sent the secret, in any form."""
    forms = {SECRET, quote(SECRET, safe=""), quote(SECRET), BASIC, base64.b64encode(SECRET.encode()).decode()}
    for request in server.seen():
        sent = repr((request.path, request.query, request.headers, request.body))
        if any(form in sent for form in forms):
            return True
    return False


@pytest.fixture(autouse=True)
def every_host_may_be_contacted(settings: Any, source: ScriptedRegistry) -> None:
    """By the address policy; so that only the rules about credentials are asked."""
    settings.IMPORT_PRIVATE_SOURCES = ["127.0.0.0/8"]
    settings.IMPORT_INSECURE_SOURCES = ["127.0.0.1", "127.0.0.2"]


@pytest.fixture
def elsewhere() -> Iterator[ScriptedRegistry]:
    """Another host, with everything that it is asked for open to all."""
    with ScriptedRegistry(host="127.0.0.2") as registry:
        registry.add_image("ns/app", "1", random_image([4096], seed=1))
        assert isinstance(registry, ScriptedRegistry)
        yield registry


@pytest.fixture
def run(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Callable[[], list[ImportTask]]
) -> Iterator[Run]:
    """Import ``ns/app:1`` of the source with the secret; the target must never see it."""
    source.add_image("ns/app", "1", random_image([4096], seed=1))

    def submit(host: str = "", **fields: Any) -> ImportTask:
        project = fields.pop("project", None) or ProjectFactory()
        given = {"username": USER, "password": SECRET} if "credential" not in fields else {}
        request = ImportRequest(image_url=f"{host or source.server_name}/ns/app:1", **{**given, **fields})
        services.submit(project=project, user=None, request=request)
        return work()[-1]

    yield submit
    assert not shown_to(target)


def test_its_own_registry_sees_it(run: Run, source: ScriptedRegistry) -> None:
    """So that the tests below can fail."""
    source.sign_in = BasicSignIn({USER: SECRET})
    assert run().status == Status.SUCCESS
    assert shown_to(source)


def test_a_registry_that_asks_nobody_is_shown_nothing(run: Run, source: ScriptedRegistry) -> None:
    assert run().status == Status.SUCCESS
    assert not shown_to(source)


def test_a_sign_in_serves_the_next_import_of_the_same_project_and_no_other(
    run: Run, source: ScriptedRegistry
) -> None:
    project = ProjectFactory()
    with TokenServer(accounts={USER: SECRET}, anonymous=False) as tokens:
        source.sign_in = BearerSignIn(tokens)
        for tag in ("1", "2"):
            assert run(project=project, target_tag=tag).status == Status.SUCCESS
        assert len(tokens.requests) == 1
        assert run(project=ProjectFactory()).status == Status.SUCCESS
        assert len(tokens.requests) == 2, "though account and password are the same"


def test_a_wrong_password_for_a_public_image_fails_and_is_never_silently_nobodys(
    run: Run, source: ScriptedRegistry
) -> None:
    with TokenServer(accounts={USER: "another"}, anonymous=True) as tokens:
        source.sign_in = BearerSignIn(tokens)
        task = run()
    assert (task.status, task.error_code, task.attempts) == ("failed", "unauthorized", 1)


@pytest.mark.parametrize("anonymous", [True, False])
def test_a_token_server_on_another_host_is_asked_as_nobody(
    run: Run, source: ScriptedRegistry, anonymous: bool
) -> None:
    with TokenServer(host="127.0.0.2", accounts={USER: SECRET}, anonymous=anonymous) as tokens:
        source.sign_in = BearerSignIn(tokens)
        task = run()
        assert tokens.seen()
        assert not shown_to(tokens)
    assert not shown_to(source)
    if not anonymous:
        assert (task.status, task.error_code) == ("failed", "unauthorized")
        assert "not trusted" in task.error


def test_a_token_server_that_the_operator_trusts_sees_it(
    run: Run, source: ScriptedRegistry, settings: Any
) -> None:
    with TokenServer(host="127.0.0.2", accounts={USER: SECRET}, anonymous=False) as tokens:
        settings.IMPORT_TRUSTED_REALMS = [tokens.server_name]
        source.sign_in = BearerSignIn(tokens)
        assert run().status == Status.SUCCESS
        assert shown_to(tokens)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("what", ["/manifests/", "/blobs/"])
def test_a_redirect_takes_it_nowhere(
    run: Run, source: ScriptedRegistry, elsewhere: ScriptedRegistry, what: str, status: int
) -> None:
    source.sign_in = BasicSignIn({USER: SECRET})
    source.rule("GET", what, redirect(f"{elsewhere.url}{{path}}", status))
    source.rule("HEAD", what, redirect(f"{elsewhere.url}{{path}}", status))
    assert run().status == Status.SUCCESS
    assert elsewhere.seen("", what)
    assert not shown_to(elsewhere)


def test_another_host_that_asks_for_it_gets_nothing(
    run: Run, source: ScriptedRegistry, elsewhere: ScriptedRegistry
) -> None:
    source.sign_in = BasicSignIn({USER: SECRET})
    elsewhere.sign_in = BasicSignIn({USER: SECRET})
    source.rule("GET", "/blobs/", redirect(f"{elsewhere.url}{{path}}"))
    assert run().status == Status.FAILED
    assert elsewhere.seen()
    assert not shown_to(elsewhere)


def test_another_port_of_the_same_host_gets_nothing_by_redirect(run: Run, source: ScriptedRegistry) -> None:
    source.sign_in = BasicSignIn({USER: SECRET})
    with ScriptedRegistry() as neighbour:
        assert isinstance(neighbour, ScriptedRegistry)
        neighbour.add_image("ns/app", "1", random_image([4096], seed=1))
        neighbour.sign_in = BasicSignIn({USER: SECRET})
        source.rule("GET", "/blobs/", redirect(f"{neighbour.url}{{path}}"))
        assert run().status == Status.FAILED
        assert neighbour.seen()
        assert not shown_to(neighbour)


def test_a_realm_that_redirects_takes_it_nowhere(
    run: Run, source: ScriptedRegistry, elsewhere: ScriptedRegistry
) -> None:
    source.rule("GET", "^/token$", redirect(f"{elsewhere.url}/token"))
    source.rule("", "/v2/", unauthorised_once(f'Bearer realm="{source.url}/token",service="s"'))
    assert run().status == Status.FAILED
    assert elsewhere.seen() == []


def test_a_mirror_sees_nothing(
    run: Run, source: ScriptedRegistry, elsewhere: ScriptedRegistry, settings: Any
) -> None:
    settings.IMPORT_REGISTRY_MIRRORS = {source.server_name: (elsewhere.url,)}
    elsewhere.sign_in = BasicSignIn({USER: SECRET})
    source.sign_in = BasicSignIn({USER: SECRET})
    assert run().status == Status.SUCCESS
    assert elsewhere.seen()
    assert not shown_to(elsewhere)


@pytest.fixture
def secure(tmp_path: Path, settings: Any) -> Iterator[ScriptedRegistry]:
    """The same registry over TLS."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "127.0.0.2").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    settings.IMPORT_CA_FILE = str(tmp_path / "ca.pem")
    settings.IMPORT_INSECURE_SOURCES = ["127.0.0.2"]
    with ScriptedRegistry(tls=context) as registry:
        registry.add_image("ns/app", "1", random_image([4096], seed=1))
        assert isinstance(registry, ScriptedRegistry)
        yield registry


@pytest.mark.parametrize("what", ["/manifests/", "/blobs/"])
def test_https_leads_to_plain_http_for_nothing(
    run: Run, secure: ScriptedRegistry, elsewhere: ScriptedRegistry, what: str
) -> None:
    secure.sign_in = BasicSignIn({USER: SECRET})
    secure.rule("", what, redirect(f"{elsewhere.url}{{path}}"))
    assert run(secure.server_name).error_code == "blocked_address"
    assert elsewhere.seen() == []


def test_https_gets_no_token_over_plain_http(run: Run, secure: ScriptedRegistry, settings: Any) -> None:
    with TokenServer(host="127.0.0.2", accounts={USER: SECRET}) as tokens:
        settings.IMPORT_TRUSTED_REALMS = [tokens.server_name]
        secure.sign_in = BearerSignIn(tokens)
        assert run(secure.server_name).error_code == "blocked_address"
        assert tokens.seen() == []


def test_a_saved_credential_that_is_pointed_at_another_host_meanwhile_is_shown_to_neither(
    source: ScriptedRegistry,
    elsewhere: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
) -> None:
    source.sign_in = BasicSignIn({USER: SECRET})
    elsewhere.sign_in = BasicSignIn({USER: SECRET})
    project = ProjectFactory()
    saved = CredentialFactory(project=project, registry=source.server_name, username=USER, password=SECRET)
    request = ImportRequest(image_url=f"{source.server_name}/ns/app:1", credential=saved)
    services.submit(project=project, user=None, request=request)
    Credential.objects.filter(pk=saved.pk).update(registry=elsewhere.server_name)
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "unauthorized")
    assert not shown_to(source)
    assert not shown_to(elsewhere)


def test_a_saved_credential_is_taken_for_its_own_host_and_project_only(source: ScriptedRegistry) -> None:
    project, other = ProjectFactory(), ProjectFactory()
    of_other_host = CredentialFactory(project=project, registry="ghcr.io", password=SECRET)
    of_other_project = CredentialFactory(project=other, registry=source.server_name, password=SECRET)
    for saved in (of_other_host, of_other_project):
        request = ImportRequest(image_url=f"{source.server_name}/ns/app:1", credential=saved)
        with pytest.raises(FieldErrors) as refused:
            services.prepare(project=project, user=None, request=request)
        assert list(refused.value.errors) == ["credential"]


@pytest.mark.parametrize(
    "form", ["{user}:{secret}@{host}/ns/app:1", "https://{user}:{secret}@{host}/ns/app:1"]
)
def test_a_password_in_the_reference_is_refused_and_not_repeated(source: ScriptedRegistry, form: str) -> None:
    text = form.format(user=USER, secret="s3cret", host=source.server_name)
    with pytest.raises(FieldErrors) as refused:
        services.prepare(project=ProjectFactory(), user=None, request=ImportRequest(image_url=text))
    assert "s3cret" not in str(refused.value.errors)


@pytest.mark.parametrize("by", ["nobody", "redirect", "realm", "fallback"])
def test_a_mirrors_account_goes_to_that_mirror_only(
    run: Run, source: ScriptedRegistry, elsewhere: ScriptedRegistry, by: str
) -> None:
    """Its own, whatever it answers; the registry's credential of the person goes to the registry only."""
    account = {"robot": "cANARY-of-the-mirror"}
    with ScriptedRegistry() as mirror, TokenServer(host="127.0.0.2", accounts=account) as tokens:
        mirror.add_image("prefix/ns/app", "1", random_image([4096], seed=1))
        mirror.sign_in = BearerSignIn(tokens) if by == "realm" else BasicSignIn(account)
        given = {"username": "robot", "password": account["robot"]}
        source_rules.create(
            user=None, pattern=source.server_name, mirrors=[{"url": f"{mirror.url}/prefix", **given}]
        )
        if by == "redirect":
            elsewhere.add_image("prefix/ns/app", "1", random_image([4096], seed=1))
            mirror.rule("GET", "/blobs/", redirect(f"{elsewhere.url}{{path}}"))
        if by == "fallback":
            mirror.rule("GET", "/blobs/", Reply(status=404))
        source.sign_in = BasicSignIn({USER: SECRET})
        assert run().status == Status.SUCCESS
        pair = basic_header("robot", account["robot"])
        told = {
            name: any(each.authorization == pair for each in server.requests)
            for name, server in (
                ("mirror", mirror),
                ("tokens", tokens),
                ("source", source),
                ("other", elsewhere),
            )
        }
        assert told == {"mirror": by != "realm", "tokens": False, "source": False, "other": False}
        assert not shown_to(mirror)
        assert not shown_to(tokens)
