"""Events by mail: the same sentences as in chats, and the link, to the addresses that a maintainer named
or to a member who wants the weekly digest (:mod:`imageimport.webhooks.subscriptions`).

The operator named the mail server (``EMAIL_URL``), so it may be anywhere; Django talks to it
(:mod:`imageimport.webhooks.smtp`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from email.utils import parseaddr
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.mail.message import sanitize_address
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from accounts.exceptions import FieldErrors
from imageimport.webhooks.formats import message_of
from oci.errors import OciError

#: Addresses of one webhook.
MAX_ADDRESSES: Final = 20


def checked_addresses(addresses: Iterable[str]) -> list[str]:
    """Each once, in the order given.

    :raises FieldErrors: on ``addresses``: none, too many, or one that is no address; on ``kind``: the installation
        sends no mail.
    """
    if not settings.MAIL_ENABLED:
        raise FieldErrors(
            {"kind": [_("This portal can't send email. Ask the administrator to set EMAIL_URL.")]}
        )
    found = list(dict.fromkeys(text.strip() for text in addresses if text.strip()))
    if not 0 < len(found) <= MAX_ADDRESSES:
        raise FieldErrors(
            {"addresses": [_("Enter 1 to %(limit)d email addresses.") % {"limit": MAX_ADDRESSES}]}
        )
    for address in found:
        try:
            validate_email(address)
            # What has no form in ASCII can't be sent to (UnicodeError of the idna codec).
            sanitize_address(address, "utf-8")
        except (ValidationError, ValueError):
            raise FieldErrors(
                {"addresses": [_("“%(address)s” is not an email address.") % {"address": address[:100]}]}
            ) from None
    return found


def send(
    addresses: Iterable[str],
    *,
    delivery: UUID,
    event: str,
    payload: Mapping[str, Any],
    language: str,
    unsubscribe: str = "",
) -> str:
    """One mail to all the addresses. A repeated try has the same Message-ID.

    :param unsubscribe: where its one reader ends such mails, by one POST without a sign-in (RFC 8058); empty: nowhere.
    :return: the addresses that the server took it not for, each with what it said; empty: it took it for all.
    :raises OciError: the mail server is away, too slow, or takes it for none of them.
    """
    with override(language):
        message = message_of(payload)
        subject = " ".join(f"[{payload.get('project', {}).get('name', '')}] {message.title}".split())
        body = f"{message.title}\n\n{message.text}".rstrip() + f"\n\n{message.url}\n"
        if unsubscribe:
            body += "\n-- \n" + _("Unsubscribe: %(url)s") % {"url": unsubscribe} + "\n"
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    one_click = {
        "List-Unsubscribe": f"<{unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    connection = get_connection()
    mail = EmailMessage(
        subject[:200],
        body,
        to=list(addresses),
        connection=connection,
        headers={
            "Message-ID": f"<{delivery}@{domain}>",
            "Auto-Submitted": "auto-generated",
            "X-Portal-Event": event,
            "X-Portal-Delivery": str(delivery),
            **(one_click if unsubscribe else {}),
        },
    )
    try:
        mail.send()
    # Refusals of a server (smtplib's) among them, and addresses that have no form in ASCII.
    except (OSError, ValueError) as exc:
        error = OciError("unreachable", gettext_noop("The mail server failed: %(cause)s."), retryable=True)
        error.params.update(cause=str(exc)[:200])
        raise error from exc
    refusals = (
        f"{address} ({code} {reply.decode(errors='replace')})"
        for address, (code, reply) in getattr(connection, "refused", {}).items()
    )
    return ", ".join(refusals)[:1000]
