"""Texts with images, and where the images of Docker Hub are."""

from __future__ import annotations

from hypothesis import strategies as st

from oci.reference.parser import Reference
from workloads.rewriting.rewriting import Target

HOST = "registry.example.com"
DIGEST = "sha256:" + "a" * 64


def choose(reference: Reference) -> Target | None:
    """Everything of Docker Hub is here under its full name."""
    if reference.registry != "docker.io":
        return None
    return Target(
        HOST, f"team/{reference.full_target_name}", reference.tag or "latest", reference.digest or ""
    )


def pinned(reference: Reference) -> Target | None:
    found = choose(reference)
    return Target(found.host, found.path, found.tag, DIGEST) if found else None


HERE = "registry.example.com/team/docker.io/library/nginx"
WORDS = st.sampled_from(
    ["nginx:1", "redis", "ghcr.io/a/b:2", "'busybox:1.36'", '"alpine"', "${X}", "# no", "3"]
)
KEYS = st.sampled_from(["image", "name", "tag", "repository", "x"])
ENDS = st.sampled_from(["\n", "\r\n", "  # comment\n", "\t\n"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    lines = []
    for _ in range(draw(st.integers(1, 12))):
        indent = "  " * draw(st.integers(0, 3))
        dash = draw(st.sampled_from(["", "- "]))
        lines.append(f"{indent}{dash}{draw(KEYS)}: {draw(WORDS)}{draw(ENDS)}")
    return "".join(lines)
