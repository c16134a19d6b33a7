"""Signatures by an identity: a certificate of the trusted root, made for minutes, and a log that saw it in time.

All by the ``sigstore`` library, from a file: no connection is opened. Its modules take a second and some 40 MiB to
import, so they are imported when the first such signature is met.
"""

from __future__ import annotations

import base64
import datetime as dt
import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from oci.errors import gettext_noop
from oci.signatures.documents import UNREADABLE, Bundle, SignatureRejected, decoded, read_object

if TYPE_CHECKING:
    from sigstore.models import Bundle as SigstoreBundle
    from sigstore.verify import Verifier

log: Final = logging.getLogger(__name__)

#: A trusted root with many authorities and logs; that of the public good instance has seven kilobytes.
_ROOT_BYTES: Final = 1024 * 1024
#: Of Fulcio, ``docs/oid-info.md``: the issuer as text, and as a DER string; a name that is no e-mail address or URI.
_ISSUER: Final = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_V2: Final = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_OTHER_NAME: Final = ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
_PUBLIC_GOOD: Final = "https://tuf-repo-cdn.sigstore.dev"
_BUNDLE_0_1: Final = "application/vnd.dev.sigstore.bundle+json;version=0.1"

DOES_NOT_HOLD: Final = gettext_noop("The signature, its certificate or its log entry isn't valid.")


class BadRootError(ValueError):
    """The trusted root can't be read."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed, by the certificate: all the names it has (mostly one), and who signed them in.

    :param at: when, by the log's or a time stamp authority's signed word.
    """

    issuer: str
    names: tuple[str, ...]
    at: dt.datetime


class TrustedRoot:
    """Authorities and logs that are believed, from a file.

    :raises BadRootError: it can't be read.
    """

    def __init__(self, content: bytes) -> None:
        from sigstore.models import TrustedRoot as Root
        from sigstore.verify import Verifier
        from sigstore_models.trustroot.v1 import TrustedRoot as Model

        if len(content) > _ROOT_BYTES:
            raise BadRootError
        try:
            self._root = Root(Model.from_json(content))
            self._verifier: Verifier = Verifier(trusted_root=self._root)
        except Exception as exc:
            raise BadRootError(str(exc)) from exc

    def of_bundle(self, bundle: Bundle, manifest: bytes) -> Identity:
        """Who signed the statement of a bundle or, where it has none, ``manifest``.

        :raises Refused: it doesn't hold.
        """
        from sigstore.models import Bundle as SigstoreBundle

        return self._verified(lambda: SigstoreBundle.from_json(bundle.canonical), bundle.statement, manifest)

    def of_annotations(self, payload: bytes, signature: bytes, certificate: str, bundle: str) -> Identity:
        """Who signed a cosign payload.

        :param certificate: PEM, from ``dev.sigstore.cosign/certificate``.
        :param bundle: what Rekor promised, JSON, from ``dev.sigstore.cosign/bundle``.
        :raises Refused: it doesn't hold.
        """
        promise = _read_promise(bundle)
        encoded = certificate.encode()
        if encoded.count(b"-----BEGIN") != 1:
            raise SignatureRejected(UNREADABLE)
        return self._verified(lambda: _promised(encoded, signature, promise), None, payload)

    def _verified(self, make: Any, statement: bytes | None, content: bytes) -> Identity:
        """Who signed, once the bundle holds.

        :param make: reads the library's bundle.
        :param statement: in the bundle's envelope; None: the bundle signs ``content``.
        """
        seen = _Seen()
        try:
            bundle: SigstoreBundle = make()
            if statement is None:
                self._verifier.verify_artifact(content, bundle, seen)
            elif self._verifier.verify_dsse(bundle, seen)[1] != statement:
                raise SignatureRejected(UNREADABLE)
            times = self._verifier._establish_time(bundle)
            return Identity(seen.issuer, seen.names, min(each.time for each in times))
        except SignatureRejected:
            raise
        except Exception as exc:
            log.info("a keyless signature doesn't hold: %s: %s", type(exc).__name__, exc)
            raise SignatureRejected(DOES_NOT_HOLD) from exc


def trusted_root(path: str) -> TrustedRoot:
    """That of a file, read again when the file changes; empty: that of sigstore's public good instance, as the library
    ships it.

    :raises BadRootError: it can't be read.
    """
    if not path:
        return _shipped()
    file = Path(path)
    try:
        changed = file.stat().st_mtime_ns
    except OSError as exc:
        raise BadRootError(str(exc)) from exc
    return _from_file(file, changed)


@lru_cache(maxsize=1)
def _shipped() -> TrustedRoot:
    from sigstore._utils import read_embedded

    return TrustedRoot(read_embedded("trusted_root.json", _PUBLIC_GOOD))


@lru_cache(maxsize=2)
def _from_file(file: Path, _changed: int) -> TrustedRoot:
    try:
        return TrustedRoot(file.read_bytes())
    except OSError as exc:
        raise BadRootError(str(exc)) from exc


class _Seen:
    """A policy that takes any identity and remembers it: it counts only where all the rest was verified too."""

    issuer = ""
    names: tuple[str, ...] = ()

    def verify(self, cert: x509.Certificate) -> None:
        """Called by the library once certificate and chain hold.

        :raises Refused: the certificate says no issuer or name, or two different issuers.
        """
        self.issuer = _issuer_of(cert)
        self.names = _names_of(cert)
        if not self.issuer or not self.names:
            raise SignatureRejected(DOES_NOT_HOLD)


def _issuer_of(cert: x509.Certificate) -> str:
    issuers = set()
    for extension in cert.extensions:
        value = extension.value
        if extension.oid == _ISSUER and isinstance(value, x509.UnrecognizedExtension):
            issuers.add(value.value.decode())
        elif extension.oid == _ISSUER_V2 and isinstance(value, x509.UnrecognizedExtension):
            issuers.add(asn1.decode_der(str, value.value))
    return issuers.pop() if len(issuers) == 1 else ""


def _names_of(cert: x509.Certificate) -> tuple[str, ...]:
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = [*names.get_values_for_type(x509.RFC822Name)]
    found += names.get_values_for_type(x509.UniformResourceIdentifier)
    found += [
        asn1.decode_der(str, other.value)
        for other in names.get_values_for_type(x509.OtherName)
        if other.type_id == _OTHER_NAME
    ]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Promise:
    """What Rekor signed of its entry at once: body, time, log and index."""

    body: bytes
    kind: str
    version: str
    time: int
    index: int
    log_id: bytes
    signed: bytes


def _read_promise(text: str) -> _Promise:
    document = read_object(text.encode())
    payload = document.get("Payload")
    signed = document.get("SignedEntryTimestamp")
    if not isinstance(payload, dict) or not isinstance(signed, str):
        raise SignatureRejected(UNREADABLE)
    body, time, index, log_id = (payload.get(key) for key in ("body", "integratedTime", "logIndex", "logID"))
    if not (
        isinstance(body, str)
        and isinstance(log_id, str)
        and isinstance(time, int)
        and isinstance(index, int)
        and time > 0
        and index >= 0
    ):
        raise SignatureRejected(UNREADABLE)
    entry = read_object(decoded(body))
    kind, version = entry.get("kind"), entry.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str):
        raise SignatureRejected(UNREADABLE)
    try:
        log_id_bytes = bytes.fromhex(log_id)
    except ValueError:
        raise SignatureRejected(UNREADABLE) from None
    return _Promise(decoded(body), kind, version, time, index, log_id_bytes, decoded(signed))


def _promised(certificate: bytes, signature: bytes, promise: _Promise) -> SigstoreBundle:
    """A bundle for the library made of what cosign's annotations hold.

    They have Rekor's promise and no proof of inclusion, which the library wants of each bundle. So its objects
    are built without its reader, and the entry verifies the promise instead. All else (chain, time, the certificate's
    transparency, signature, the entry's body) is verified by the library as of any bundle.
    """
    from sigstore.models import Bundle as SigstoreBundle
    from sigstore.models import TransparencyLogEntry
    from sigstore_models.bundle.v1 import Bundle as BundleModel
    from sigstore_models.bundle.v1 import VerificationMaterial
    from sigstore_models.common.v1 import LogId, MessageSignature, X509Certificate
    from sigstore_models.rekor.v1 import InclusionPromise, KindVersion
    from sigstore_models.rekor.v1 import TransparencyLogEntry as EntryModel

    class PromisedEntry(TransparencyLogEntry):
        def _validate(self) -> None:
            """There is no proof to look for."""

        def _verify(self, keyring: Any) -> None:
            self._verify_set(keyring)

    leaf = x509.load_pem_x509_certificate(certificate)
    entry = EntryModel.model_construct(
        log_index=promise.index,
        log_id=LogId(key_id=base64.b64encode(promise.log_id)),
        kind_version=KindVersion(kind=promise.kind, version=promise.version),
        integrated_time=promise.time,
        inclusion_promise=InclusionPromise(signed_entry_timestamp=base64.b64encode(promise.signed)),
        canonicalized_body=promise.body,
    )
    made = SigstoreBundle.__new__(SigstoreBundle)
    made._inner = BundleModel.model_construct(
        media_type=_BUNDLE_0_1,
        verification_material=VerificationMaterial.model_construct(
            certificate=X509Certificate.model_construct(raw_bytes=b""), tlog_entries=[entry]
        ),
        message_signature=MessageSignature(signature=base64.b64encode(signature)),
    )
    made._signing_certificate = leaf
    made._log_entry = PromisedEntry(entry)
    return made
