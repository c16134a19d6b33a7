"""Rules for sources: what is taken, what is refused, and where a password stays or goes."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.caller import acting_as
from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.models import SourceRule
from imageimport.sources import services
from projects.models import AuditEvent
from tests.support.people import make_user

pytestmark = pytest.mark.django_db
MIRROR = {"url": "https://m.example/docker.io", "username": "robot", "password": "secret-m"}


def make(**values: Any) -> SourceRule:
    return services.create(user=None, **{"pattern": "docker.io", **values})


def refused(rule: SourceRule | None = None, **values: Any) -> list[str]:
    """The fields that are refused."""
    with pytest.raises(FieldErrors) as found:
        if rule is None:
            make(**values)
        else:
            services.update(rule=rule, changes=values)
    return list(found.value.errors)


def test_a_rule_keeps_its_passwords_sealed_and_out_of_its_urls() -> None:
    rule = make(proxy="http://us%40er:secret-p@proxy.example:3128", mirrors=[MIRROR])
    rule.refresh_from_db()
    assert rule.proxy == "http://us%40er@proxy.example:3128"
    assert rule.proxy_password.reveal() == "secret-p"
    assert [(m.url, m.username, m.password.reveal()) for m in rule.mirrors.all()] == [
        (MIRROR["url"], "robot", "secret-m")
    ]
    row = str(SourceRule.objects.values().get()) + str(rule.mirrors.values().get())
    assert "secret-" not in row


def test_a_change_without_a_password_keeps_it() -> None:
    rule = make(proxy="socks5://user@proxy.example:1080", proxy_password="secret-p", mirrors=[MIRROR])
    moved = {"url": "https://m.example/other", "username": "robot"}
    services.update(rule=rule, changes={"proxy": "http://me@proxy.example:1080", "mirrors": [moved]})
    rule.refresh_from_db()
    assert rule.proxy_password.reveal() == "secret-p"
    (mirror,) = rule.mirrors.all()
    assert (mirror.url, mirror.password.reveal()) == ("https://m.example/other", "secret-m")


@pytest.mark.parametrize(
    "proxy", ["http://user@other.example:3128", "http://user@proxy.example:8080", "direct", "environment", ""]
)
def test_another_host_of_the_proxy_clears_its_password(proxy: str) -> None:
    rule = make(proxy="http://user@proxy.example:3128", proxy_password="secret-p")
    services.update(rule=rule, changes={"proxy": proxy})
    rule.refresh_from_db()
    assert not rule.proxy_password


@pytest.mark.parametrize(
    "url", ["https://evil.example/docker.io", "https://m.example:8443", "http://m.example"]
)
def test_another_host_of_a_mirror_gets_no_password(url: str) -> None:
    rule = make(mirrors=[MIRROR])
    assert refused(rule, mirrors=[{"url": url, "username": "robot"}]) == ["mirrors"]
    services.update(rule=rule, changes={"mirrors": [{"url": url}]})
    assert not rule.mirrors.get().password


def accounts(rule: SourceRule) -> list[tuple[str, str, str]]:
    return [(each.url, each.username, each.password.reveal()) for each in rule.mirrors.all()]


def test_a_kept_password_stays_with_its_username() -> None:
    second = {"url": "https://m.example/ghcr.io", "username": "other", "password": "secret-o"}
    rule = make(mirrors=[MIRROR, second])
    stand = [(MIRROR["url"], "robot", "secret-m"), (second["url"], "other", "secret-o")]
    unsaid = [{"url": each["url"], "username": each["username"]} for each in (MIRROR, second)]
    services.update(rule=rule, changes={"mirrors": unsaid})
    assert accounts(rule) == stand
    for each in (MIRROR, second):
        assert refused(rule, mirrors=[{"url": each["url"], "username": "third"}]) == ["mirrors"]
    assert accounts(rule) == stand
    services.update(rule=rule, changes={"mirrors": [{"url": MIRROR["url"]}]})
    assert accounts(rule) == [(MIRROR["url"], "", "")]


def test_two_passwords_of_one_username_at_one_host_stay_with_their_paths() -> None:
    second = {**MIRROR, "url": "https://m.example/ghcr.io", "password": "secret-o"}
    rule = make(mirrors=[MIRROR, second])
    unsaid = [{"url": each["url"], "username": "robot"} for each in (second, MIRROR)]
    services.update(rule=rule, changes={"mirrors": unsaid})
    stand = [(second["url"], "robot", "secret-o"), (MIRROR["url"], "robot", "secret-m")]
    assert accounts(rule) == stand
    assert refused(rule, mirrors=[{"url": "https://m.example/quay.io", "username": "robot"}]) == ["mirrors"]
    assert accounts(rule) == stand


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"pattern": "https://ghcr.io"}, "pattern"),
        ({"pattern": ""}, "pattern"),
        ({"pattern": "a b"}, "pattern"),
        ({"pattern": "*.10.0.0.1"}, "pattern"),
        ({"proxy": "proxy.example:3128"}, "proxy"),
        ({"proxy": "https://proxy.example:3128"}, "proxy"),
        ({"proxy": "http://proxy.example"}, "proxy"),
        ({"proxy_password": "x"}, "proxy_password"),
        ({"proxy": "direct", "proxy_password": "x"}, "proxy_password"),
        ({"proxy": "http://p.example:1", "proxy_password": "ü" * 200}, "proxy_password"),
        ({"mirrors": [{"url": "ftp://m.example"}]}, "mirrors"),
        ({"mirrors": [{"url": "https://robot:x@m.example"}]}, "mirrors"),
        ({"mirrors": [{"url": "https://m.example?a=b"}]}, "mirrors"),
        ({"mirrors": [{"url": "https://127.1"}]}, "mirrors"),
        ({"mirrors": [{"url": "https://m.example", "username": "robot"}]}, "mirrors"),
        ({"mirrors": [{"url": "https://m.example", "password": "x"}]}, "mirrors"),
        ({"mirrors": [{"url": "https://m.example"}] * 11}, "mirrors"),
        ({"pattern": "*", "mirrors": [{"url": "https://m.example"}]}, "mirrors"),
        ({"pattern": "*.example.com", "mirrors": [{"url": "https://m.example"}]}, "mirrors"),
        ({"pattern": "*:5000", "mirrors": [{"url": "https://m.example"}]}, "pattern"),
        ({"pattern": "10.0.0.0/8", "mirrors": [{"url": "https://m.example"}]}, "mirrors"),
        ({"mirrors_only": True}, "mirrors_only"),
        ({"pattern": "*", "private": True}, "private"),
        ({"pattern": "*", "insecure": True}, "insecure"),
    ],
)
def test_what_cannot_be_obeyed_is_a_field_error_and_changes_nothing(
    values: dict[str, Any], field: str
) -> None:
    assert refused(**values) == [field]
    rule = make(pattern="ghcr.io")
    assert refused(rule, **values) == [field]
    rule.refresh_from_db()
    assert (rule.pattern, rule.proxy, rule.mirrors.count(), rule.private) == ("ghcr.io", "", 0, False)


def test_a_rule_with_mirrors_is_not_widened() -> None:
    rule = make(pattern="ghcr.io", mirrors=[MIRROR])
    assert refused(rule, pattern="*") == ["mirrors"]
    rule.refresh_from_db()
    assert rule.pattern == "ghcr.io"


def test_the_portals_own_services_are_no_mirror(settings: Any) -> None:
    settings.OWN_ENDPOINTS = [("registry.inside.example", 5000)]
    assert refused(mirrors=[{"url": "http://registry.inside.example:5000"}]) == ["mirrors"]


def test_a_pattern_has_one_rule_however_it_is_spelled() -> None:
    make(pattern="GHCR.io")
    assert refused(pattern="ghcr.io") == ["pattern"]


def test_rules_are_added_at_the_end_and_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [make(pattern=f"r{number}.example").position for number in range(3)] == [1, 2, 3]
    monkeypatch.setattr(services, "MAX_RULES", 3)
    with pytest.raises(ApplicationError, match="At most 3 rules"):
        make(pattern="one-more.example")


def test_each_change_is_in_the_journal_without_a_password() -> None:
    user = make_user("root", superuser=True)
    with acting_as(user):
        rule = services.create(user=user, pattern="ghcr.io", proxy="http://user:secret-p@proxy.example:3128")
        services.update(rule=rule, changes={"proxy_password": "secret-q"})
        services.delete(rule=rule)
    events = list(AuditEvent.objects.order_by("at", "id"))
    assert [(each.action, each.subject, each.actor_name) for each in events] == [
        ("source.created", "ghcr.io", "root"),
        ("source.changed", "ghcr.io", "root"),
        ("source.deleted", "ghcr.io", "root"),
    ]
    assert events[1].detail["changed"] == ["proxy_password"]
    assert "secret-" not in str([each.detail for each in events])
