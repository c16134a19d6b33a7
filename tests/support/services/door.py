"""A registry that trusts the portal's token service, and the clients that people knock with."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import requests
from django.core.exceptions import ObjectDoesNotExist

from projects.registry.client import PUSH, token_provider
from stack.push import push_image
from stack.sample import Image, sample_image
from testbed.services import RegistryServer


@dataclass
class Door:
    """``registry`` asks the portal at ``portal_url`` who may do what."""

    registry: RegistryServer
    portal_url: str

    @property
    def host(self) -> str:
        return self.registry.host

    def put(self, repository: str, tag: str, image: Image | None = None) -> str:
        """Put an image there with a token of the portal's own; its digest."""
        token = token_provider(access={repository: PUSH})([f"repository:{repository}:{PUSH}"])
        headers = {"Authorization": f"Bearer {token}"}
        return push_image(self.registry.url, repository, tag, image or sample_image(), headers=headers)

    def token(self, *scopes: str, auth: tuple[str, str] | None = None, **params: str) -> requests.Response:
        """Ask the token service as a client does."""
        asked = [("service", "registry-portal"), *(("scope", scope) for scope in scopes), *params.items()]
        return requests.get(f"{self.portal_url}/service/token", params=asked, auth=auth, timeout=20)

    def manifest(
        self, method: str, repository: str, wanted: str, *, token: str, **options: Any
    ) -> requests.Response:
        """One request for a manifest with a bearer token."""
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        url = f"{self.registry.url}/v2/{repository}/manifests/{wanted}"
        return requests.request(method, url, headers=headers, timeout=20, **options)

    def skopeo(self, command: str, *arguments: str, creds: str = "") -> subprocess.CompletedProcess[str]:
        """Run skopeo; ``creds`` is ``name:secret``, empty for nobody."""
        who = [f"--creds={creds}"] if creds else ["--no-creds"]
        return run("skopeo", command, "--tls-verify=false", *who, *arguments)

    def reference(self, repository: str, tag: str) -> str:
        return f"docker://{self.host}/{repository}:{tag}"


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A client's run, with its output as text."""
    return subprocess.run(
        command, capture_output=True, text=True, timeout=90, check=False, env={**os.environ, **env}
    )


def soon(condition: Callable[[], Any], *, seconds: float = 5.0) -> Any:
    """The condition's value once it is true; its last value when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        found = None
        with suppress(ObjectDoesNotExist):
            found = condition()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)
