"""The lines that people type to download, check and use a bundle, ready to copy."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.snippets import quoted
from imageimport.bundles.selectors import file_name
from imageimport.models import Bundle


@dataclass(frozen=True, slots=True)
class Commands:
    """``downloads``: one for each volume; ``skopeo`` is empty where the other side's content is needed as well."""

    downloads: list[str]
    verify: str
    skopeo: str


def commands_of(bundle: Bundle, urls: list[str]) -> Commands:
    """The command lines that a bundle's page shows.

    :param urls: of the volumes.
    """
    names = [file_name(bundle, number) for number in range(1, len(bundle.volumes) + 1)]
    downloads = [
        f'curl -f -C - --retry 10 -H "Authorization: Bearer $PORTAL_TOKEN" -o {quoted(name)} {quoted(url)}'
        for name, url in zip(names, urls, strict=True)
    ]
    return Commands(downloads, _verify(names), _skopeo(bundle, names))


def _verify(names: list[str]) -> str:
    """Unpacks, compares each blob with its name, and their list with what ``index.json`` says of it
    (:data:`oci.layout.annotations.BUNDLE_DIGESTS`). Says ``complete``, and ends with 0, where all of that is right.
    """
    files = " ".join(quoted(name) for name in names)
    return (
        f'(mkdir layout && for file in {files}; do tar -xf "$file" -C layout || exit 1; done && cd layout/blobs && '
        'for blob in */*; do echo "${blob#*/}  $blob" | "${blob%/*}sum" --check --quiet || exit 1; done && '
        "list=$(printf '%s\\n' */* | tr / : | LC_ALL=C sort) && "
        'sum=$(printf %s "$list" | sha256sum | cut -c 1-64) && '
        'grep -q "bundle.digests\\": *\\"$sum" ../index.json) && echo complete'
    )


def _skopeo(bundle: Bundle, names: list[str]) -> str:
    if bundle.omitted_bytes or not bundle.images:
        return ""
    image = bundle.images[0]["image"]
    source = f"oci-archive:{names[0]}:{image}" if len(names) == 1 else f"oci:layout:{image}"
    return f"skopeo copy --all {quoted(source)} {quoted(f'docker://registry.example.com/{image}')}"
