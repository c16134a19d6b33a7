"""TLS: what is trusted, and what went wrong in words."""

from __future__ import annotations

import ssl
from typing import Final

from oci.errors import OciError, gettext_noop

_EXPIRED: Final = gettext_noop("The certificate of %(host)s has expired or is not valid yet.")
_UNKNOWN_ISSUER: Final = gettext_noop(
    "The certificate of %(host)s is not signed by a trusted certificate authority."
)
_OTHER_NAME: Final = gettext_noop("The certificate of %(host)s is for a different host name.")
_CERTIFICATE: Final = gettext_noop("The certificate of %(host)s was not accepted: %(reason)s.")
_NOT_TLS: Final = gettext_noop(
    "%(host)s doesn't use TLS on port %(port)d. The administrator has to allow plain HTTP for it."
)
_HANDSHAKE: Final = gettext_noop("Can't open a secure connection to %(host)s on port %(port)d: %(reason)s.")

#: OpenSSL's verification results (X509_V_ERR_*).
_BY_VERIFY_CODE: Final = {
    9: _EXPIRED,  # not yet valid
    10: _EXPIRED,
    18: _UNKNOWN_ISSUER,  # self-signed
    19: _UNKNOWN_ISSUER,  # self-signed in the chain
    20: _UNKNOWN_ISSUER,  # issuer not found
    21: _UNKNOWN_ISSUER,  # chain of one
    62: _OTHER_NAME,
    64: _OTHER_NAME,  # an address
}
_NOT_TLS_REASONS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}
)


def make_context(ca_file: str | None) -> ssl.SSLContext:
    """Certificate and name are verified; TLS 1.2 or newer; the system's authorities and ``ca_file``'s.

    :raises OSError: when the file can't be read.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


def tls_failure(error: ssl.SSLError, host: str, port: int) -> OciError:
    """The error for a handshake that failed; an ended connection may be tried again, a certificate not."""
    if isinstance(error, ssl.SSLCertVerificationError):
        template = _BY_VERIFY_CODE.get(error.verify_code, _CERTIFICATE)
        return OciError("tls_error", template, host=host, reason=error.verify_message[:200].rstrip("."))
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return OciError(
            "unreachable",
            gettext_noop("%(host)s closed the connection on port %(port)d."),
            retryable=True,
            host=host,
            port=port,
        )
    if error.reason in _NOT_TLS_REASONS:
        return OciError("tls_error", _NOT_TLS, host=host, port=port)
    reason = (error.reason or "TLS failed").replace("_", " ").lower()
    return OciError("tls_error", _HANDSHAKE, host=host, port=port, reason=reason)
