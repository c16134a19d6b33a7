"""Platforms: ``os/arch[/variant]``, with the version where the system has one (Windows)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from oci.errors import OciError, gettext_noop

#: Other names that people and tools use, and what registries write.
_ARCHITECTURES: Final = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "i386": ("386", ""),
    "i686": ("386", ""),
}
#: A variant that says no more than the architecture itself.
_IMPLIED: Final = {("arm64", "v8"), ("arm64", "8"), ("amd64", "v1")}

_PART: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_WRITTEN: Final = re.compile(
    rf"(?P<os>{_PART})(?:\((?P<version>{_PART})\))?/(?P<architecture>{_PART})(?:/(?P<variant>{_PART}))?",
    re.ASCII,
)
_PART_WHOLE: Final = re.compile(_PART, re.ASCII)


def is_platform_part(text: str) -> bool:
    """Whether ``text`` may be an operating system, architecture, variant or version."""
    return _PART_WHOLE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform as an index or a configuration names it; parts that are not said are empty."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``linux/amd64``, ``linux/arm64/v8`` or ``windows(10.0.17763)/amd64``.

        :raises OciError: ``invalid_reference``, for the platform is part of what was asked for.
        """
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise OciError(
                "invalid_reference",
                gettext_noop("Enter a platform such as linux/amd64 or linux/arm/v7."),
            )
        return cls(match["os"], match["architecture"], match["variant"] or "", match["version"] or "")

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @property
    def detailed(self) -> str:
        """With the system's version, which tells two Windows images apart; :meth:`parse` reads it."""
        version = f"({self.os_version})" if self.os_version else ""
        return f"{self.os}{version}" + str(self)[len(self.os) :]

    @property
    def is_unknown(self) -> bool:
        """``unknown/unknown``, the platform of what does not run: attestations."""
        return self.os == "unknown" and self.architecture == "unknown"

    @property
    def normal(self) -> tuple[str, str, str]:
        """System, architecture and variant under their usual names, for comparing."""
        os, architecture, variant = self.os.lower(), self.architecture.lower(), self.variant.lower()
        architecture, implied = _ARCHITECTURES.get(architecture, (architecture, ""))
        variant = variant or implied
        if architecture == "arm" and variant.isdigit():
            variant = f"v{variant}"
        return os, architecture, "" if (architecture, variant) in _IMPLIED else variant

    @property
    def usual(self) -> str:
        """As people name it, without the system's version: ``linux/arm64`` for ``linux/aarch64/v8``."""
        return "/".join(part for part in self.normal if part)

    def has_version(self, wanted: str) -> bool:
        """Whether this platform's system version is ``wanted`` or a build of it."""
        return not wanted or self.os_version == wanted or self.os_version.startswith(f"{wanted}.")

    def is_exactly(self, wanted: Platform) -> bool:
        """Whether this is what ``wanted`` names, its variant included."""
        return self.normal == wanted.normal and self.has_version(wanted.os_version)

    def is_some(self, wanted: Platform) -> bool:
        """Whether this is a variant of what ``wanted`` names without one."""
        return (
            not wanted.normal[2]
            and self.normal[:2] == wanted.normal[:2]
            and self.has_version(wanted.os_version)
        )
