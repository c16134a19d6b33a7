"""What the portal uses of allauth that allauth does not promise to keep: if a release moves it, only this breaks.

Each has no public counterpart: signing a person in whose password was checked here, asking for it once more, and codes
of a second factor for callers without a page.
"""

from __future__ import annotations

from allauth.account.internal.flows.login import get_authentication_records, perform_password_login
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows, suspend_request
from allauth.mfa.totp.internal.auth import TOTP

__all__ = [
    "TOTP",
    "get_authentication_records",
    "get_reauthentication_flows",
    "perform_password_login",
    "suspend_request",
]
