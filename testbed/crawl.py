"""Everything of the site that a signed-in person can read, page by page."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import requests

from testbed.portal import ADMIN, PortalProcess

_LINK = re.compile(r'(?:href|hx-get|src)="([^"#]+)"')
#: Pages of the admin that only differ in their order or filter.
_SAME = ("o=", "p=", "e=", "all=", "_changelist_filters", "/logout", "/static/", "/jsi18n/")


def signed_in(portal: PortalProcess) -> requests.Session:
    """The administrator's browser."""
    session = requests.Session()
    session.get(f"{portal.url}/accounts/login/", timeout=20)
    form = {
        "username": ADMIN,
        "password": portal.password,
        "csrfmiddlewaretoken": session.cookies["csrftoken"],
    }
    answer = session.post(
        f"{portal.url}/accounts/login/",
        data=form,
        headers={"Referer": portal.url},
        allow_redirects=False,
        timeout=20,
    )
    assert answer.status_code == 302, answer.text[:500]
    return session


def crawl(portal: PortalProcess, *starts: str, most: int = 200) -> Iterator[tuple[str, requests.Response]]:
    """Pages and their answers, from ``starts`` along every link that stays at the site."""
    session = signed_in(portal)
    waiting, known = deque(starts), set(starts)
    while waiting and most:
        path = waiting.popleft()
        most -= 1
        answer = session.get(f"{portal.url}{path}", timeout=30)
        yield path, answer
        if "html" not in answer.headers.get("Content-Type", ""):
            continue
        for link in _LINK.findall(answer.text):
            url = urlsplit(urljoin(f"{portal.url}{path}", link.replace("&amp;", "&")))
            target = url.path + (f"?{url.query}" if url.query else "")
            here = f"{url.scheme}://{url.netloc}" == portal.url and not any(part in target for part in _SAME)
            if here and target not in known:
                known.add(target)
                waiting.append(target)
