"""Lists at a registry, page by page: tags, repositories, referrers."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from oci.errors import OciError, gettext_noop
from oci.expiring import ExpiringSet
from oci.http.connection import ConnectionBroken, ProtocolError, Response
from oci.limits import CHILDREN, LIST_NAMES, MIB, REPOSITORY_CHARS
from oci.memory import bare, cost_of
from oci.registry.faults import confused
from oci.registry.moments import of_milliseconds
from oci.registry.retry import Retrier
from oci.registry.session import Scopes, Session
from oci.spec import strict_json
from oci.spec.digest import is_digest
from oci.spec.manifest import Descriptor, parse_manifest
from oci.spec.media_types import OCI_INDEX, bare_type
from oci.urls import Url

#: One page; registries that know no pages send fifty thousand tags in less.
_PAGE_BYTES: Final = 2 * MIB
#: All names of a list together.
_NAMES_BYTES: Final = 2 * MIB
PAGE_NAMES: Final = 1000
#: Pages of one list; Docker Hub's largest repositories have some ten thousand tags.
PAGES: Final = 1000
#: One of the links of a ``Link`` header with its parameters, and the parameter that says which.
_LINK: Final = re.compile(r"<([^<>]{1,16384})>([^,<>]*)")
_IS_NEXT: Final = re.compile(r';\s*rel\s*=\s*"?next"?', re.IGNORECASE)
#: Answers of registries without the referrers API, or where it is not for us.
_NO_REFERRERS: Final = frozenset({400, 401, 403, 404, 405, 406, 410, 501})

#: Of these, the ones of a server that does not know the path at all: they hold for every repository.
_NO_SUCH_PATH: Final = frozenset({404, 405, 501})
#: Registries that have no referrers API at all, as anyone in this process found lately.
LACKING: Final = ExpiringSet[tuple[str, str, int]](600.0)


@dataclass(frozen=True, slots=True)
class TagFacts:
    """What is told of a tag besides its name; empty where it is not told.

    :param digest: of what the tag names.
    :param updated_at: when the registry got it, or the tag was set.
    """

    digest: str = ""
    updated_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class ListingPage:
    """Names of one page, and where the next is; ``facts``: of those tags of which the list tells more."""

    names: tuple[str, ...]
    next: Url | None
    facts: Mapping[str, TagFacts] = field(default_factory=dict)


def names_page(session: Session, url: Url, key: str, *, scopes: Scopes, what: str) -> ListingPage:
    """One page of ``tags/list`` or ``_catalog``.

    :param key: where the names are in the document.
    """
    response = session.accepted(session.ask("GET", url, scopes=scopes), what, 200)
    document = _read_json(session, response)
    further = next_page(session, response)
    found = document.get(key) if isinstance(document, dict) else None
    if found is None:
        found = []
    if not isinstance(found, list) or not all(
        isinstance(name, str) and len(name) <= REPOSITORY_CHARS for name in found
    ):
        raise confused(session.endpoint.role, session.endpoint.host, "its list is not a list of names")
    return ListingPage(tuple(found), further, _facts(document))


def _facts(document: object) -> dict[str, TagFacts]:
    """Of Google's registries, which list the manifests of a repository beside its tags."""
    manifests = document.get("manifest") if isinstance(document, dict) else None
    facts: dict[str, TagFacts] = {}
    for digest, entry in manifests.items() if isinstance(manifests, dict) else ():
        tags = entry.get("tag") if isinstance(entry, dict) else None
        if not is_digest(digest) or not isinstance(tags, list):
            continue
        tag_facts = TagFacts(digest, of_milliseconds(entry.get("timeUploadedMs")))
        facts |= {tag: tag_facts for tag in tags if isinstance(tag, str)}
    return facts


def next_page(session: Session, response: Response) -> Url | None:
    """Where the ``Link`` header says that the next page is, if that is at the registry itself."""
    links = _LINK.findall(", ".join(response.header_values("Link"))[:20_000])
    found = next((target for target, parameters in links if _IS_NEXT.search(parameters)), None)
    if found is None:
        return None
    further = session.follow(response.url, found)
    return further if further.origin == session.endpoint.base.origin and further != response.url else None


def referrers_page(
    session: Session, url: Url, *, scopes: Scopes, what: str
) -> tuple[tuple[Descriptor, ...], Url | None] | None:
    """One page of referrers; None where the registry has no such API."""
    response = session.ask("GET", url, scopes=scopes, headers=[("Accept", OCI_INDEX)])
    if response.status in _NO_REFERRERS:
        # An API answers in JSON, about this repository; what is not JSON comes from a server that has no such path.
        if response.status in _NO_SUCH_PATH and not _is_json(response):
            LACKING.add(session.endpoint.base.origin)
        response.discard()
        return None
    if response.status != 200:
        raise session.refusal(response, what)
    if bare_type(response.header("Content-Type")) != OCI_INDEX:
        response.discard()
        return None
    # A source's are kept with what they lead to; a target's are only compared, time and again.
    is_kept = session.endpoint.role == "source"
    with session.documents.reading(is_kept=is_kept) as came:
        body = _read(session, response, came)
        try:
            session.documents.check(cost_of(body), is_kept=is_kept)
            if is_kept:
                session.documents.reserve(cost_of(body))
            index = parse_manifest(body, OCI_INDEX, expected_digest=None)
        except OciError as error:
            del body
            raise bare(error) from None
    return index.manifests, next_page(session, response)


def _is_json(response: Response) -> bool:
    return bare_type(response.header("Content-Type")).endswith("json")


def _read(session: Session, response: Response, came: Callable[[int], None] = lambda _total: None) -> bytes:
    try:
        return response.read(_PAGE_BYTES, came=came)
    except OverflowError:
        template = gettext_noop("A list from %(host)s is larger than %(limit)d bytes.")
        raise OciError("limit_exceeded", template, host=session.endpoint.host, limit=_PAGE_BYTES) from None
    except (ConnectionBroken, ProtocolError) as error:
        raise session.endpoint.translated(error, response.url) from error


def _read_json(session: Session, response: Response) -> object:
    try:
        return strict_json.load(_read(session, response))
    except strict_json.BadJsonError as error:
        if error.too_large:
            raise OciError("limit_exceeded", error.template) from None
        raise confused(session.endpoint.role, session.endpoint.host, "its list can't be read") from None


def all_names(
    session: Session, retrier: Retrier, path: str, key: str, *, scopes: Scopes, what: str
) -> Iterator[str]:
    """Names of all pages, as :func:`all_pages`."""
    for page in all_pages(session, retrier, path, key, scopes=scopes, what=what):
        yield from page.names


def all_pages(
    session: Session, retrier: Retrier, path: str, key: str, *, scopes: Scopes, what: str
) -> Iterator[ListingPage]:
    """Pages with the names that none before them had, read as far as someone looks; a list that goes in circles ends.

    :raises OciError: ``limit_exceeded``: a source sends more names than are remembered.
    """
    seen: set[str] = set()
    size = 0
    url: Url | None = session.url(f"{path}?n={PAGE_NAMES}")
    for _ in range(PAGES):
        if url is None:
            return
        page = retrier.run(partial(names_page, session, url, key, scopes=scopes, what=what))
        fresh = [name for name in dict.fromkeys(page.names) if name not in seen]
        size += sum(map(len, fresh))
        too_many = len(seen) + len(fresh) > LIST_NAMES or size > _NAMES_BYTES
        if too_many and session.endpoint.role == "source":
            template = gettext_noop("A list from %(host)s has more than %(limit)d names.")
            raise OciError("limit_exceeded", template, host=session.endpoint.host, limit=LIST_NAMES)
        seen.update(fresh)
        yield ListingPage(tuple(fresh), page.next, page.facts)
        url = page.next if fresh else None


def all_referrers(
    session: Session, retrier: Retrier, path: str, *, scopes: Scopes, what: str
) -> tuple[Descriptor, ...] | None:
    """Referrers of all pages; None where the registry has no such API."""
    found: dict[str, Descriptor] = {}
    url: Url | None = session.url(path)
    while url is not None and len(found) < CHILDREN:
        page = retrier.run(partial(referrers_page, session, url, scopes=scopes, what=what))
        if page is None:
            return None
        fresh = {each.digest: each for each in page[0] if each.digest not in found}
        found |= fresh
        url = page[1] if fresh else None
    return tuple(found.values())
