"""axe-core in a page of a test's browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

_SOURCE: Final = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
#: WCAG 2.2, A and AA.
WCAG: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
EVERYTHING: Final = (*WCAG, "best-practice")
#: Rules whose answer is another one in other colours.
COLOURS: Final = ("color-contrast", "link-in-text-block")
#: Colours on their way from one look to the next are those of neither. No rule that runs here needs style sheets and
#: media fetched once more, which is half of the time.
_RUN: Final = """([without, only, left]) => {
    document.getAnimations().filter(one => one instanceof CSSTransition).forEach(one => one.finish());
    const where = {include: [['html']], exclude: without.map(which => [which])};
    const rules = Object.fromEntries(left.map(rule => [rule, {enabled: false}]));
    return axe.run(where, {runOnly: only, rules, preload: false, resultTypes: ['violations']}) }"""


def faults(
    page: Page, rules: Sequence[str] = EVERYTHING, *, but: Sequence[str] = (), without: Sequence[str] = ()
) -> list[str]:
    """What axe finds in the page as it stands, a line a node.

    :param rules: tags of rules, or rules themselves (all of one kind).
    :param but: rules that are left out.
    :param without: selectors of parts that are not ours.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(_SOURCE)
    found = page.evaluate(_RUN, [list(without), list(rules), list(but)])
    return [
        f"{fault['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]
