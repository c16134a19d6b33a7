"""Sample rules for sources, and what was seen of their ways."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from imageimport.models import SourceMirror, SourceRule, SourceWay
from scripts.pictures.sample_pages import PASSWORD


def fill() -> None:
    """Mirrors with an account, a proxy, and a way that failed."""
    quay = SourceRule.objects.create(pattern="quay.io", position=1, mirrors_only=True)
    SourceMirror.objects.create(rule=quay, position=0, url="https://m.daocloud.io/quay.io")
    SourceMirror.objects.create(
        rule=quay, position=1, url="https://mirror.example.com", username="portal", password=PASSWORD
    )
    SourceRule.objects.create(pattern="*.example.com", position=2, private=True, insecure=True)
    SourceRule.objects.create(
        pattern="*.gcr.io", position=3, proxy="http://portal@proxy.example.com:3128", proxy_password=PASSWORD
    )
    now = timezone.now()
    SourceWay.objects.create(
        registry="quay.io", via="m.daocloud.io", speed=18_400_000, measured_at=now - dt.timedelta(minutes=4)
    )
    params = {"proxy": "proxy.example.com:3128", "host": "eu.gcr.io"}
    template = "The proxy %(proxy)s does not allow connections to %(host)s."
    SourceWay.objects.create(
        registry="eu.gcr.io",
        via=params["proxy"],
        error_code="proxy_error",
        error=template % params,
        error_parts={"template": template, "params": params},
        failed_at=now - dt.timedelta(hours=2),
    )
