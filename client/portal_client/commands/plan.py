"""``portal plan``: what an import would do, without doing it."""

from __future__ import annotations

from typing import Any

import click

from portal_client import finding
from portal_client.commands.base import Command, in_project
from portal_client.commands.imports import body_of, check_source, source_options
from portal_client.session import current
from portal_client.words import _

_FIELDS = (
    "source_image", "source_digest", "media_type", "target_image", "target_digest", "bytes_total", "bytes_present",
    "bytes_to_transfer", "referrers", "rate_limit",
)  # fmt: skip


@in_project
@click.command(
    cls=Command, help=_("What an import would do: digest, platforms, sizes, what is here already.")
)
@click.argument("image")
@source_options
def plan(image: str, project: str, **options: Any) -> None:
    check_source(options)
    session = current()
    with session.api() as api:
        found = finding.project(api, project)
        body = {**body_of(api, found["id"], options), "image_url": image}
        body |= {f"target_{name}": options[name] for name in ("name", "tag") if options[name]}
        answer = api.post(f"/projects/{found['id']}/images/import/plan", body)
        session.out.one(answer, _FIELDS)
        if not session.out.as_json:
            click.echo()
            session.out.rows(answer["platforms"], ("platform", "digest", "size"))
            for sentence in answer["warnings"]:
                session.out.warn(sentence)
