"""A diff is what diff says, and applied it gives the text."""

from __future__ import annotations

import textwrap

from hypothesis import given, settings

from tests.workloads.rewriting.texts import DIGEST, HERE, choose, documents, pinned
from workloads.rewriting import editing, rewriting


def test_a_file_without_a_line_end_has_its_last_change_in_the_diff() -> None:
    text = "image:\n  repository: nginx\n  tag: a\n  digest:"
    edits = rewriting.edits(text, rewriting.read(text), pinned)
    assert patched(text, editing.unified_diff(text, edits)) == editing.apply(text, edits)
    assert editing.apply(text, edits).endswith(f"digest: {DIGEST}")


@settings(max_examples=200, deadline=None)
@given(documents())
def test_a_diff_applied_gives_the_text(text: str) -> None:
    edits = rewriting.edits(text, rewriting.read(text), choose)
    diff = editing.unified_diff(text, edits)
    assert patched(text, diff) == editing.apply(text, edits)


def patched(text: str, diff: str) -> str:
    """An independent reader of unified diffs."""
    if not diff:
        return text
    lines, made, at = text.split("\n"), [], 0
    body = diff.replace("\n\\ No newline at end of file\n", "\0").split("\n")[2:]
    for line in body:
        if line.startswith("@@"):
            start = int(line.split()[1][1:].split(",")[0]) - 1
            made += lines[at:start]
            at = start
        elif line[:1] in (" ", "-"):
            for part in line.split("\0"):
                if part[:1] in (" ", "-") and part:
                    assert lines[at] == part[1:]
                    at += 1
                if part[:1] in (" ", "+") and part:
                    made.append(part[1:])
        elif line.startswith("+"):
            made.append(line[1:].removesuffix("\0"))
    return "\n".join(made + lines[at:])


def test_the_diff_is_what_diff_says() -> None:
    text = textwrap.dedent(
        """\
        a: 1
        b: 2
        c: 3
        d: 4
        image: nginx:1
        e: 5
        """
    )
    edits = rewriting.edits(text, rewriting.read(text), choose)
    assert editing.unified_diff(text, edits, name="pod.yaml") == textwrap.dedent(
        f"""\
        --- a/pod.yaml
        +++ b/pod.yaml
        @@ -2,5 +2,5 @@
         b: 2
         c: 3
         d: 4
        -image: nginx:1
        +image: {HERE}:1
         e: 5
        """
    )
