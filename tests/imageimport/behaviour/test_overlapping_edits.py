"""Two people change the same row at once: each change is judged on what the one before has made of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import Http404

from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.credentials import services as credentials
from imageimport.models import Credential, Schedule, Webhook
from imageimport.schedules import services as schedules
from imageimport.webhooks import services as webhooks
from projects.models import Role
from tests.support.factories import CredentialFactory, MembershipFactory, UserFactory, member

pytestmark = pytest.mark.django_db(transaction=True)


def make(**values: Any) -> Schedule:
    user, project = member(Role.MAINTAINER)
    fields = {"image_url": "quay.io/a/b", "tags": ["1.*"], "cron": "0 3 * * *", **values}
    return schedules.create(project=project, user=user, wanted=schedules.NewSchedule(**fields))


def test_who_changes_the_clock_gives_nobodys_rights_to_anothers_source() -> None:
    made = make()
    bob = MembershipFactory(project=made.project, role=Role.MAINTAINER).user
    alices, bobs = Schedule.objects.get(pk=made.pk), Schedule.objects.get(pk=made.pk)
    schedules.update(schedule=bobs, user=bob, changes={"image_url": "quay.io/bobs/choice"})
    schedules.update(schedule=alices, user=made.created_by, changes={"cron": "0 4 * * *"})
    made.refresh_from_db()
    assert (made.image_url, made.created_by, made.cron) == ("quay.io/bobs/choice", bob, "0 4 * * *")


def test_a_form_that_was_opened_before_a_change_and_takes_it_back_is_its_senders() -> None:
    made = make()
    bob = MembershipFactory(project=made.project, role=Role.MAINTAINER).user
    carol = MembershipFactory(project=made.project, role=Role.MAINTAINER).user
    seen = Schedule.objects.get(pk=made.pk)
    schedules.update(schedule=made, user=bob, changes={"image_url": "quay.io/bobs/choice"})
    schedules.update(schedule=seen, user=carol, changes={"image_url": "quay.io/a/b", "cron": "0 4 * * *"})
    made.refresh_from_db()
    assert (made.image_url, made.created_by) == ("quay.io/a/b", carol)


def test_a_source_and_a_credential_that_do_not_fit_are_not_put_together_by_two() -> None:
    made = make()
    saved = CredentialFactory(project=made.project, registry="quay.io")
    ones, others = Schedule.objects.get(pk=made.pk), Schedule.objects.get(pk=made.pk)
    schedules.update(schedule=ones, user=made.created_by, changes={"image_url": "ghcr.io/a/b"})
    with pytest.raises(FieldErrors) as refused:
        schedules.update(schedule=others, user=made.created_by, changes={"credential": saved})
    assert list(refused.value.errors) == ["credential"]


def test_a_password_goes_to_no_registry_that_was_named_meanwhile() -> None:
    saved = CredentialFactory(registry="ghcr.io", password="old")
    ones, others = Credential.objects.get(pk=saved.pk), Credential.objects.get(pk=saved.pk)
    credentials.update(credential=ones, changes={"registry": "evil.example.com"})
    with pytest.raises(ApplicationError) as refused:
        credentials.update(credential=others, changes={"password": "typed-for-ghcr"})
    assert refused.value.code == "changed_meanwhile"
    saved.refresh_from_db()
    assert (saved.registry, saved.password.reveal()) == ("evil.example.com", "")


def test_a_password_stays_with_the_registry_that_it_was_typed_for_whoever_is_last() -> None:
    saved = CredentialFactory(registry="ghcr.io", password="old")
    ones, others = Credential.objects.get(pk=saved.pk), Credential.objects.get(pk=saved.pk)
    credentials.update(credential=ones, changes={"registry": "quay.io", "password": "for-quay"})
    credentials.update(credential=others, changes={"registry": "ghcr.io", "name": "mine"})
    saved.refresh_from_db()
    assert (saved.registry, saved.password.reveal()) == ("ghcr.io", ""), "what is there was typed for quay.io"


def test_what_someone_deleted_meanwhile_is_not_there() -> None:
    made = make()
    saved = CredentialFactory(project=made.project)
    hook = Webhook.objects.create(
        project=made.project, url="https://hooks.example.com/", events=["import.failed"]
    )
    changes: dict[str, Any] = {"enabled": False}
    for row, change in (
        (made, lambda: schedules.update(schedule=made, user=None, changes=changes)),
        (hook, lambda: webhooks.update(webhook=hook, changes=changes)),
        (saved, lambda: credentials.update(credential=saved, changes={"name": "new"})),
    ):
        type(row).objects.all().delete()
        with pytest.raises(Http404):
            change()


def test_a_change_of_one_field_of_a_webhook_leaves_the_others_as_they_are_by_now() -> None:
    user = UserFactory()
    made = make()
    hook = webhooks.create(
        project=made.project,
        user=user,
        wanted=webhooks.NewWebhook(url="https://hooks.example.com/", secret="s3cret"),
    )
    ones, others = Webhook.objects.get(pk=hook.pk), Webhook.objects.get(pk=hook.pk)
    webhooks.update(webhook=ones, changes={"url": "https://hooks.example.org/"})
    webhooks.update(webhook=others, changes={"failures_only": True})
    hook.refresh_from_db()
    assert (hook.url, hook.failures_only, others.url) == ("https://hooks.example.org/", True, hook.url)
