"""Where an upload goes: as the target says, and no credential goes along elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oci.errors import OciError
from oci.registry.auth.credentials import Credential
from stack.sample import Image
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import copier, run

Make = Callable[..., ScriptedRegistry]
Proceed = Callable[[], Reply]
IMAGE = random_image([9_000_448], seed=21)


def _check(target: ScriptedRegistry, image: Image = IMAGE) -> None:
    assert target.repository("team/app").blobs == {blob.digest: blob.data for blob in image.blobs}
    assert target.repository("team/app").manifests["v1"][1] == image.manifest.data
    assert target.repository("team/app").uploads == {}


def test_an_upload_that_is_redirected_goes_there_whole(
    source: ScriptedRegistry, target: ScriptedRegistry, make_scripted: Make
) -> None:
    storage = make_scripted(host="127.0.0.3")
    source.add_image("library/app", "v1", IMAGE)

    def elsewhere(request: Request, proceed: Proceed) -> Reply:
        return Reply(307, [("Location", f"{storage.url}{request.path}?digest={request.asked('digest')}")])

    def take(request: Request, _proceed: Proceed) -> Reply:
        target.add_blob("team/app", request.body)
        return Reply(201)

    target.rule("PUT", "/blobs/uploads/", elsewhere)
    storage.rule("PUT", "/blobs/uploads/", take)
    run(copier(source, target))
    assert target.repository("team/app").blobs.keys() == {blob.digest for blob in IMAGE.blobs}
    assert not [each for each in storage.requests if each.authorization]


@pytest.mark.parametrize("status", [307, 202])
def test_an_upload_elsewhere_takes_no_sign_in_along(
    source: ScriptedRegistry, target: ScriptedRegistry, make_scripted: Make, status: int
) -> None:
    """By redirect of the upload, or by the Location where it is to go from the beginning."""
    storage = make_scripted(host="127.0.0.3")
    source.add_image("library/app", "v1", IMAGE)
    target.sign_in = BasicSignIn({"portal": "secret"})
    storage.rule("PUT", "/blobs/uploads/", Reply(201))
    location = ("Location", f"{storage.url}/v2/team/app/blobs/uploads/elsewhere")

    def elsewhere(request: Request, proceed: Proceed) -> Reply:
        return Reply(status, [location]) if request.authorization else proceed()

    target.rule("PUT" if status == 307 else "POST", "/blobs/uploads/", elsewhere)
    signed = {"credential": Credential(target.server_name, "portal", "secret")}
    with pytest.raises(OciError):  # The target does not have the blobs in the end.
        run(copier(source, target, target_options=signed))
    assert target.seen("POST", "/blobs/uploads/")[-1].authorization
    assert storage.seen("PUT", "/blobs/uploads/")
    assert not [each for each in storage.requests if each.authorization]


@pytest.mark.parametrize(
    "location",
    [
        "/v2/team/app/blobs/uploads/{id}?_state=1",
        "//{host}/v2/team/app/blobs/uploads/{id}?_state=1",
        "{id}?_state=1",
        "http://{host}/v2/team/app/blobs/uploads/{id}",
    ],
)
def test_locations_of_every_form_are_followed_with_their_query(
    source: ScriptedRegistry, target: ScriptedRegistry, location: str
) -> None:
    source.add_image("library/app", "v1", IMAGE)

    def relative(_request: Request, proceed: Proceed) -> Reply:
        reply = proceed()
        session = dict(reply.headers)["Location"].rpartition("/")[2].partition("?")[0]
        reply.headers = [("Location", location.format(id=session, host=target.server_name))]
        return reply

    target.rule("POST", "/blobs/uploads/", relative)
    run(copier(source, target))
    _check(target)
    if "?" in location:
        assert all(each.asked("_state") == "1" for each in target.seen("PUT", "/blobs/uploads/"))


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://169.254.169.254/upload", "blocked_address"),
        ("http://10.0.0.1:5000/upload", "blocked_address"),
        ("ftp://127.0.0.1/upload", "target_error"),
        ("", "target_error"),
    ],
)
def test_an_upload_goes_nowhere_that_the_policy_forbids(
    source: ScriptedRegistry, target: ScriptedRegistry, location: str, code: str
) -> None:
    source.add_image("library/app", "v1", random_image([4_096], seed=151))

    def astray(_request: Request, _proceed: Callable[[], Reply]) -> Reply:
        return Reply(202, [("Location", location)] if location else [])

    target.rule("POST", "/blobs/uploads/", astray)
    with pytest.raises(OciError) as caught:
        run(copier(source, target))
    assert caught.value.code == code
