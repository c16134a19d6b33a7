"""The admin names models and fields in the reader's language."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.utils import translation

OURS = ("accounts", "projects", "imageimport")
#: The same in both languages.
SAME = {"digest", "Webhook", "URL"}


def chinese(name: object) -> bool:
    with translation.override("zh-hans"):
        said = str(name)
    return said in SAME or bool(re.search(r"[\u4e00-\u9fff]", said))


def test_each_model_that_the_admin_shows_has_names() -> None:
    shown = [model for model in admin.site._registry if model._meta.app_label in OURS]
    assert len(shown) > 10
    for model in shown:
        assert chinese(model._meta.verbose_name), model
        assert chinese(model._meta.verbose_name_plural), model


def test_each_field_that_the_admin_can_show_has_a_name() -> None:
    for model in admin.site._registry:
        if model._meta.app_label in OURS:
            assert not [field.name for field in model._meta.fields if not chinese(field.verbose_name)], model


@pytest.mark.django_db
def test_the_index_of_the_admin_is_chinese(client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    page = client.get("/admin/", headers={"accept-language": "zh-hans"}).content.decode()
    for name in ("API 令牌", "审计日志", "Webhook 投递", "凭据", "项目"):
        assert f">{name}</a>" in page
    assert "deliverys" not in client.get("/admin/").content.decode()
