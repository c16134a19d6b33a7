"""``make screenshots``: every page in both languages, both themes and two sizes, into ``screenshots/``.

``python -m scripts.pictures.screenshots project history dark phone``: only these pages, and only these looks.
Pages are filled with rows of :mod:`scripts.pictures.sample_rows`; nothing is imported and no registry asked.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.pictures.sample_pages import ADMIN_PAGES, API_PAGES, PAGES, PASSWORD, Shot
from stack.paths import BIN, ROOT
from stack.services.ports import free_port
from stack.services.tools import find

LANGUAGES: Final = {"en": "en-GB", "zh-hans": "zh-CN"}
THEMES: Final = ("light", "dark")
SIZES: Final = {"desktop": (1280, 860), "phone": (360, 780)}
_WORDS: Final[tuple[tuple[str, ...], ...]] = (tuple(LANGUAGES), THEMES, tuple(SIZES))
#: Makes the rows and says the ids that the pages' addresses need.
_FILL: Final = (
    "from scripts.pictures import sample_rows, sample_pages; sample_rows.fill(); sample_pages.tell()"
)


def main() -> int:
    """Write the pictures; 1 if a page is wider than the window or says something in the console."""
    looks = {*LANGUAGES, *THEMES, *SIZES}
    wanted = [word for word in sys.argv[1:] if word not in looks]
    looks &= set(sys.argv)
    target = ROOT / "screenshots"
    if not sys.argv[1:]:
        shutil.rmtree(target, ignore_errors=True)
    target.mkdir(exist_ok=True)
    problems: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="portal-pictures-") as directory,
        site(Path(directory)) as (url, ids),
        sync_playwright() as playwright,
    ):
        chromium = find("chromium", "chromium-browser", "google-chrome")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--no-proxy-server"]
        )
        shots = [shot for shot in (*PAGES, *ADMIN_PAGES, *API_PAGES) if not wanted or shot.name in wanted]
        for look in itertools.product(LANGUAGES, THEMES, SIZES):
            if all(not looks & set(words) or word in looks for word, words in zip(look, _WORDS, strict=True)):
                problems += _take(Camera(browser, url, ids, target), look, shots)
        browser.close()
    print("\n".join(problems) or f"{len(list(target.glob('*.png')))} pictures in {target.relative_to(ROOT)}/")
    return 1 if problems else 0


@dataclass(frozen=True, slots=True)
class Camera:
    """What every picture is taken with."""

    browser: Browser
    url: str
    ids: dict[str, str]
    target: Path


def _take(camera: Camera, look: tuple[str, str, str], shots: list[Shot]) -> list[str]:
    """Write the pictures of one language, theme and size; what was wrong with them."""
    language, theme, size = look
    width, height = SIZES[size]
    problems: list[str] = []
    options: dict[str, Any] = {
        "locale": LANGUAGES[language],
        "color_scheme": theme,
        "timezone_id": "Asia/Shanghai",
    }
    context = camera.browser.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(f"{page.url} {look}: {error}"))
    for shot in shots:
        sign_in(page, camera.url, shot.user, camera.ids)
        page.goto(
            camera.url + shot.path.format(**camera.ids),
            wait_until="load",
        )
        shot.act(page)
        page.wait_for_timeout(200)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            problems.append(f"{shot.name} {look}: {wide} pixels wide")
        page.screenshot(
            path=camera.target / f"{shot.name}.{language}.{theme}.{size}.png", full_page=shot.whole
        )
    context.close()
    return problems


def sign_in(page: Page, url: str, user: str, ids: dict[str, str]) -> None:
    """Be ``user`` of the sample rows in this page; empty: anonymous."""
    if getattr(page, "_signed_in_as", "") == user:
        return
    # An open page that polls would be led to the sign-in by itself once the cookies are gone, and cut ours off.
    page.goto("about:blank")
    page._signed_in_as = ""  # type: ignore[attr-defined]
    page.context.clear_cookies()
    if user and f"{user}-session" in ids:
        page.context.add_cookies([{"name": "sessionid", "value": ids[f"{user}-session"], "url": url}])
    elif user:
        page.goto(f"{url}/accounts/login/")
        page.locator("#id_username").fill(user)
        page.locator("#id_password").fill(PASSWORD)
        # On a busy machine the next page was asked for before this one had answered: no one was signed in then.
        with page.expect_navigation():
            page.locator("main form button").first.click()
    page._signed_in_as = user  # type: ignore[attr-defined]


@contextmanager
def site(directory: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A portal's web process alone, on sample rows; its address and the ids of some rows."""
    port = free_port()
    # No one answers there, but the connection opens: to the pages the registry is there.
    registry = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_hang_up, args=(registry,), daemon=True).start()
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PORTAL_", "REDIS_", "REGISTRY_", "DATABASE_", "STATIC_", "DJANGO_"))
    }
    env = {
        **kept,
        "PORTAL_DATA_DIR": str(directory / "data"),
        "PORTAL_DOTENV": "",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "REGISTRY_URL": f"http://127.0.0.1:{registry.getsockname()[1]}",
        "REGISTRY_PUBLIC_HOST": "registry.example.com",
        "DJANGO_SETTINGS_MODULE": "scripts.pictures.settings",
        "LOG_LEVEL": "CRITICAL",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
    }
    python = [str(BIN / "python"), str(ROOT / "manage.py")]
    # Static files are found where they are kept: collecting and compressing them would take longer than all else.
    subprocess.run([*python, "migrate", "-v0"], env=env, check=True, cwd=ROOT)
    made = subprocess.run(
        [*python, "shell", "-v0", "-c", _FILL], env=env, check=True, cwd=ROOT, capture_output=True, text=True
    )
    ids = json.loads(made.stdout.strip().splitlines()[-1])
    # With the portal's own configuration, as its pages are served elsewhere.
    server = subprocess.Popen([BIN / "gunicorn", "registry_portal.wsgi"], env=env, cwd=ROOT)
    try:
        _wait(f"http://127.0.0.1:{port}/healthz")
        yield f"http://127.0.0.1:{port}", ids
    finally:
        server.terminate()
        server.wait(20)
        registry.close()


def _hang_up(registry: socket.socket) -> None:
    """Take every connection and end it, until the listener is closed."""
    while True:
        try:
            registry.accept()[0].close()
        except OSError:
            return


def _wait(url: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(url)


if __name__ == "__main__":
    sys.exit(main())
