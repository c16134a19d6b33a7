"""Mirrors in order, the registry itself last or never."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from oci.errors import OciError
from oci.registry.auth.credentials import Credential
from oci.registry.mirrors import MIRROR_TRIES, MirroredSource
from oci.registry.repository import Repository
from testbed.images import random_image
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_registry import ScriptedRegistry, corrupt, cut, redirect, refuse, too_many
from tests.oci.copying import client, copier, run
from tests.oci.listeners import closed_port

IMAGE = random_image([1_500_000], seed=71)
BLOB = f"/blobs/{IMAGE.blobs[1].digest}"
Make = Callable[..., ScriptedRegistry]


@pytest.fixture
def mirror(make_scripted: Make) -> ScriptedRegistry:
    return make_scripted(host="127.0.0.2")


def _mirrored(mirror: Any, origin: Any, **more: Any) -> MirroredSource:
    places = [client(mirror, tries=MIRROR_TRIES), client(origin, **more)]
    return MirroredSource([Repository(place, "library/app") for place in places])


def _copy(source: MirroredSource, target: ScriptedRegistry) -> str:
    return run(copier(source, target)).image.digest


def test_a_mirror_that_has_it_spares_the_registry(
    mirror: ScriptedRegistry, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    mirror.add_image("library/app", "v1", IMAGE)
    source.add_image("library/app", "v1", IMAGE)
    assert _copy(_mirrored(mirror, source), target) == IMAGE.digest
    assert not source.seen("GET", "/blobs/") and not source.seen("GET", "/manifests/" + IMAGE.digest)


def test_what_a_mirror_lacks_comes_from_the_registry(
    mirror: ScriptedRegistry, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    mirror.add_image("library/app", "v1", IMAGE)
    del mirror.repository("library/app").blobs[IMAGE.blobs[1].digest]
    source.add_image("library/app", "v1", IMAGE)
    assert _copy(_mirrored(mirror, source), target) == IMAGE.digest
    assert len(source.seen("GET", BLOB)) == 1


@pytest.mark.parametrize(
    "fault", [refuse(500, "UNKNOWN"), refuse(401, "UNAUTHORIZED"), refuse(403, "DENIED"), too_many("7200")]
)
def test_a_mirror_in_trouble_is_passed_over(
    mirror: ScriptedRegistry, source: ScriptedRegistry, target: ScriptedRegistry, fault: Any
) -> None:
    mirror.rule("", "/v2/.+", fault)
    source.add_image("library/app", "v1", IMAGE)
    assert _copy(_mirrored(mirror, source), target) == IMAGE.digest


def test_a_mirror_that_is_down_is_left_alone_for_a_while(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    class Down:
        url = f"http://127.0.0.2:{closed_port()}"

    source.add_image("library/app", "v1", IMAGE)
    assert _copy(_mirrored(Down(), source), target) == IMAGE.digest


def test_what_is_passed_over_is_told_with_the_way_to_it(source: ScriptedRegistry) -> None:
    class Down:
        url = f"http://127.0.0.2:{closed_port()}"

    source.add_image("library/app", "v1", IMAGE)
    told: list[tuple[str, str]] = []
    away = client(Down(), registry=source.server_name, tries=MIRROR_TRIES)
    places = [away, client(source)]
    mirrored = MirroredSource(
        [Repository(place, "library/app") for place in places],
        lambda via, error: told.append((via, error.code)),
    )
    assert mirrored.get_manifest("v1").digest == IMAGE.digest
    assert told == [(away.host, "unreachable")]
    assert (mirrored.via, mirrored.last_via) == ("", "")
    assert (
        MirroredSource([Repository(place, "library/app") for place in reversed(places)]).last_via == away.host
    )


def test_wrong_bytes_of_a_mirror_are_replaced_by_the_registrys(
    mirror: ScriptedRegistry, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    mirror.add_image("library/app", "v1", IMAGE)
    mirror.rule("GET", BLOB, corrupt(-1))
    source.add_image("library/app", "v1", IMAGE)
    assert _copy(_mirrored(mirror, source), target) == IMAGE.digest
    assert target.repository("team/app").blobs[IMAGE.blobs[1].digest] == IMAGE.blobs[1].data


def test_a_mirror_that_breaks_off_is_continued_by_the_registry(
    mirror: ScriptedRegistry, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    mirror.add_image("library/app", "v1", IMAGE)
    mirror.rule("GET", BLOB, cut(1_200_000))
    source.add_image("library/app", "v1", IMAGE)
    assert _copy(_mirrored(mirror, source), target) == IMAGE.digest
    (asked,) = source.seen("GET", BLOB)
    assert asked.headers["range"].startswith("bytes=")


def test_the_registrys_own_word_counts_when_nobody_has_it(
    mirror: ScriptedRegistry, source: ScriptedRegistry
) -> None:
    with pytest.raises(OciError) as caught:
        _mirrored(mirror, source).get_manifest("v1")
    assert caught.value.code == "not_found"
    assert source.server_name in str(caught.value)


def test_a_registry_that_is_never_contacted_is_not(mirror: ScriptedRegistry) -> None:
    only = MirroredSource([Repository(client(mirror), "library/app")])
    with pytest.raises(OciError) as caught:
        only.get_manifest("v1")
    assert caught.value.code == "not_found"


def test_a_persons_password_is_not_shown_to_a_mirror(
    mirror: ScriptedRegistry, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    mirror.sign_in = BasicSignIn({"x": "y"})
    source.sign_in = BasicSignIn({"ada": "secret"})
    source.add_image("library/app", "v1", IMAGE)
    mirrored = _mirrored(mirror, source, credential=Credential(source.server_name, "ada", "secret"))
    assert _copy(mirrored, target) == IMAGE.digest
    assert mirror.requests and not [each for each in mirror.requests if each.authorization]


def test_a_mirror_may_hold_everything_under_a_prefix(mirror: ScriptedRegistry) -> None:
    mirror.add_image("hub/library/app", "v1", IMAGE)
    made = client(mirror, registry="docker.io", base_url=f"{mirror.url}/hub")
    assert Repository(made, "library/app").get_manifest("v1").digest == IMAGE.digest


def test_tags_come_from_the_first_that_knows_them(mirror: ScriptedRegistry, source: ScriptedRegistry) -> None:
    mirror.rule("GET", "/tags/list", refuse(404, "NAME_UNKNOWN"))
    source.add_image("library/app", "v1", IMAGE)
    assert list(_mirrored(mirror, source).list_tags()) == ["v1"]


@pytest.mark.parametrize("reference", [":v1", f"@{IMAGE.digest}"])
def test_a_registry_out_of_reach_does_not_spoil_what_a_mirror_has_whole(
    mirror: ScriptedRegistry, target: ScriptedRegistry, reference: str
) -> None:
    """A closed network with a mirror of its own: signatures that the mirror lacks are nowhere to be asked for."""
    mirror.add_image("library/app", "v1", IMAGE)
    away = SimpleNamespace(url=f"http://127.0.0.3:{closed_port()}")
    made = copier(_mirrored(mirror, away, tries=1), target, f"library/app{reference}")
    assert run(made).image.digest == IMAGE.digest


def test_what_the_image_needs_is_still_missed_when_the_registry_is_out_of_reach(
    mirror: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    mirror.add_image("library/app", "v1", IMAGE)
    del mirror.repository("library/app").blobs[IMAGE.blobs[0].digest]
    away = SimpleNamespace(url=f"http://127.0.0.3:{closed_port()}")
    with pytest.raises(OciError) as caught:
        _copy(_mirrored(mirror, away, tries=1), target)
    assert caught.value.code == "unreachable"


def test_a_tag_that_only_the_registry_may_know_is_not_taken_for_absent(mirror: ScriptedRegistry) -> None:
    away = SimpleNamespace(url=f"http://127.0.0.3:{closed_port()}")
    with pytest.raises(OciError) as caught:
        _mirrored(mirror, away, tries=1).head_manifest("v1")
    assert caught.value.code == "unreachable"


def test_no_place_at_all_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="place"):
        MirroredSource([])


def test_a_redirect_of_a_mirror_is_judged_like_any(
    mirror: ScriptedRegistry, source: ScriptedRegistry
) -> None:
    mirror.rule("GET", "/manifests/", redirect("http://169.254.169.254/"))
    source.add_image("library/app", "v1", IMAGE)
    assert _mirrored(mirror, source).get_manifest("v1").digest == IMAGE.digest


@pytest.mark.parametrize("fault", [too_many("7200"), None], ids=["throttled", "away"])
def test_a_mirrors_no_is_not_the_whole_truth_while_the_registry_is_not_heard(
    mirror: ScriptedRegistry, source: ScriptedRegistry, fault: Any
) -> None:
    """Whoever asks for signatures has to know: "none" would be "unsigned"."""
    mirror.add_image("library/app", "v1", IMAGE)
    if fault is not None:
        source.rule("", "/v2/library/app/", fault)
        origin: Any = source
    else:
        origin = SimpleNamespace(url=f"http://127.0.0.3:{closed_port()}")
    there = _mirrored(mirror, origin)
    there.get_manifest("v1")
    faults = [there.unheard]
    assert there.head_manifest("sha256-aa.sig") is None
    faults.append(there.unheard)
    assert there.referrers_by_api(IMAGE.digest) == ()
    faults.append(there.unheard)
    assert faults[0] is None
    assert faults[1] is not None
    assert faults[2] is faults[1]


def test_a_registry_that_was_heard_leaves_nothing_open(
    mirror: ScriptedRegistry, source: ScriptedRegistry
) -> None:
    mirror.rule("", "/v2/library/app/", too_many("7200"))
    source.add_image("library/app", "v1", IMAGE)
    there = _mirrored(mirror, source)
    there.get_manifest("v1")
    assert there.head_manifest("sha256-aa.sig") is None
    assert there.unheard is None
