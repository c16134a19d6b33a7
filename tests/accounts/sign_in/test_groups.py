"""What is read of a provider's claims about groups."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import UserGroup
from accounts.sign_in import groups
from tests.support.people import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("claim", "documents", "found"),
    [
        ("groups", {"userinfo": {"groups": ["a", "b"]}}, {"a", "b"}),
        ("groups", {"userinfo": {}, "id_token": {"groups": ["a"]}}, {"a"}),
        ("groups", {"userinfo": {"groups": []}, "id_token": {"groups": ["stale"]}}, set()),
        ("groups", {"userinfo": {"groups": "one team"}}, {"one team"}),
        ("groups", {"userinfo": {"groups": ["a", 7, None, ["b"], "", "x" * 256]}}, {"a"}),
        ("groups", {"userinfo": {"groups": {"a": True}}}, set()),
        ("groups", {"userinfo": None}, set()),
        ("realm_access.roles", {"id_token": {"realm_access": {"roles": ["r"]}}}, {"r"}),
        ("https://x.test/groups", {"id_token": {"https://x.test/groups": ["url"]}}, {"url"}),
        ("a.b", {"id_token": {"a": "text"}}, set()),
        ("", {"userinfo": {"": ["a"], "groups": ["b"]}}, set()),
    ],
)
def test_groups_are_taken_from_the_claim(claim: str, documents: Any, found: set[str], settings: Any) -> None:
    settings.OIDC_GROUPS_CLAIM = claim
    assert groups.of_claims(documents) == found


def test_what_the_provider_no_longer_names_ends() -> None:
    ann, bob = make_user("ann"), make_user("bob")
    groups.keep(ann, {"a", "b"})
    groups.keep(bob, {"b"})
    kept = UserGroup.objects.get(user=ann, name="b").pk
    groups.keep(ann, {"b", "c"})
    assert set(UserGroup.objects.filter(user=ann).values_list("name", flat=True)) == {"b", "c"}
    assert UserGroup.objects.get(user=ann, name="b").pk == kept
    groups.keep(ann, set())
    assert list(UserGroup.objects.values_list("user__username", "name")) == [("bob", "b")]


def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MAX_GROUPS", 2)
    groups.keep(make_user("ann"), {"c", "a", "b"})
    assert set(UserGroup.objects.values_list("name", flat=True)) == {"a", "b"}
