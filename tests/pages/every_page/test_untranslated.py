"""No text for people is written straight into a template or a script: each passes through the catalogue."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
#: One of allauth's elements is a tag whose very name is made by Django's tags, around nothing.
TEMPLATES = sorted(
    {*(ROOT / "templates").rglob("*.html")} - {ROOT / "templates/allauth/elements/button.html"}
)
SCRIPTS = sorted((ROOT / "static/js").glob("*.js"))
#: Read by no person, or the same in every language.
STAYS = {
    "OS/ARCH",
    "URL",
    "Authorization: Bearer …",
    "/s",
    "@",
    "KiB",
    "Bearer",
    "HTTP",
    "ms",
    "English",
    "API",
    "· API",
    "DELETE",
}
#: Attributes that are read out or shown.
SHOWN = {"title", "placeholder", "aria-label", "alt", "label", "aria-description"}
#: A reference, a command or a path that one types in every language.
TYPED = re.compile(r"[\w.:/@+*=,$%<>\-]*", re.ASCII)


class Texts(HTMLParser):
    """What a template shows that is in no tag of Django's."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("script", "style", "code", "kbd")
        self.found += [value.strip() for name, value in attrs if name in SHOWN and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style", "code", "kbd")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data.strip())


def written_out(template: str) -> list[str]:
    """Words of a template that no catalogue has."""
    bare = re.sub(
        r"{% (blocktrans\w*|comment|verbatim)\b.*?{% end\1 %}|{#.*?#}", " ", template, flags=re.DOTALL
    )
    bare = re.sub(r"{%.*?%}|{{.*?}}", " ", bare, flags=re.DOTALL)
    texts = Texts()
    texts.feed(bare)
    words = [re.sub(r"&\w+;|&#\d+;", " ", text).strip() for text in texts.found]
    return [
        text for text in words if re.search(r"[A-Za-z]{2}", text) and text not in STAYS and not _typed(text)
    ]


def _typed(text: str) -> bool:
    """An image, a command's line or an address: nothing a translator would touch."""
    return all(
        TYPED.fullmatch(word) and (re.search(r"[./:@0-9-]", word) or word in ("docker", "pull", "https"))
        for word in text.split()
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_says_nothing_that_is_not_in_the_catalogue(path: Path) -> None:
    assert not written_out(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_what_follows_a_colon_is_part_of_its_sentence(path: Path) -> None:
    """In Chinese no space follows a colon, so that both stand in one entry of the catalogue."""
    template = path.read_text(encoding="utf-8")
    assert not re.findall(r'({% trans "[^"]*:" %}|[^}]*:{% endblocktrans %})(?!\s*</)', template)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_nothing_of_its_own(path: Path) -> None:
    """Scripts take their words from the page's ``data-say-…``; a literal with two words in it is a sentence."""
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    literals = ["".join(found) for found in re.findall(r'"([^"\n]*)"|\'([^\'\n]*)\'|`([^`]*)`', code)]
    sentences = [text for text in literals if re.search(r"[A-Z][a-z]+ [a-z]+|[a-z]+ [a-z]+[.!?…]", text)]
    assert not sentences


def test_the_test_finds_what_it_is_for() -> None:
    assert written_out("<p>Hello there</p>") == ["Hello there"]
    assert written_out('<input placeholder="Your name">') == ["Your name"]
    assert not written_out('{% trans "Hello" %} {% blocktrans with n=1 %}Hello {{ n }}{% endblocktrans %}')
    assert not written_out("<p>nginx:1.27</p><code>docker pull x</code>")
