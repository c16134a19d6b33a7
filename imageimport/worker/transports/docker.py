"""The ``docker`` transport: pull, tag and push by a Docker Engine, as the first report did it.

The Engine opens connections of its own, past our door; so the reference is resolved and judged by our client first,
and the Engine is given the digest. What the target holds in the end is read back by our client, not believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import docker
import requests
import structlog
from django.conf import settings
from docker.errors import DockerException, ImageNotFound

from imageimport.choices import LayerState
from imageimport.quotas import WithinQuota
from imageimport.registries import clients
from imageimport.worker.transports.base import Arrived, Job
from imageimport.worker.transports.engine_stream import engine_lost, failure, follow
from oci.copy.observer import LayerPlan
from oci.errors import OciError, gettext_noop
from oci.spec.manifest import Descriptor, Manifest
from oci.spec.platform import Platform
from oci.spec.selection import choose
from projects.registry import client as own_registry
from projects.registry.inspect import inspect

log = structlog.get_logger(__name__)

#: An answer of the Engine that streams nothing takes at most this long, seconds.
_ANSWER_SECONDS: Final = 60


class DockerTransport:
    """One attempt through the Engine. See :class:`imageimport.worker.transports.base.Transport`."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._api = _connect()
        self._places = clients.source_places(
            job.source,
            user=job.task.requested_by,
            credential=job.credential,
            cancel=job.cancel,
            audience=job.progress,
        )
        self._source = self._places[-1]
        self._target = own_registry.target_client(
            access={job.target_repository: own_registry.PUSH}, cancel=job.cancel
        )
        self._pulled = ""
        self._target_name = f"{own_registry.own_host()}/{job.target_repository}"
        self._source_digest = ""
        self._made: list[str] = []
        self._stood_before: dict[str, str] = {}
        self._sizes: dict[str, Descriptor] = {}

    # --- stages ----------------------------------------------------------------------------------

    def login(self) -> None:
        source = self._job.source
        manifest = self._resolve()
        self._source_digest = manifest.digest
        image = self._one_platform(manifest)
        self._sizes = {layer.digest.partition(":")[2][:12]: layer for layer in image.layers}
        WithinQuota(self._job.progress, self._job.task).layers(
            [LayerPlan(layer.digest, layer.size, layer.media_type) for layer in image.layers]
        )
        self._pulled = f"{self._source.host}/{self._source.name(source.repository)}@{image.digest}"

    def pull(self) -> None:
        self._remember(self._pulled)
        repository, _, digest = self._pulled.partition("@")
        # A person's credential is for the registry itself, never for a mirror of it.
        credential = self._job.credential if self._source is self._places[-1] else None
        sign_in = {"username": credential.username, "password": credential.password} if credential else {}
        for event in self._follow(
            lambda api: api.pull(repository, tag=digest, stream=True, decode=True, auth_config=sign_in),
            side="source",
            host=self._source.host,
        ):
            self._show_pull(event)
        for layer in self._sizes.values():
            self._job.progress.layer(layer.digest, LayerState.DONE, layer.size)

    def tag(self) -> None:
        task = self._job.task
        if not task.overwrite:
            clients.refuse_other_digest(
                self._target, self._job.target_repository, task.target_tag, self._source_digest
            )
        name = f"{self._target_name}:{task.target_tag}"
        self._remember(name)
        try:
            self._api.tag(self._pulled, self._target_name, task.target_tag)
        except (DockerException, requests.RequestException) as exc:
            raise engine_lost(exc) from exc

    def push(self) -> Arrived:
        task = self._job.task
        self._job.before_commit()
        said = ""
        done: dict[str, tuple[int, int]] = {}
        for event in self._follow(
            lambda api: api.push(
                self._target_name,
                tag=task.target_tag,
                stream=True,
                decode=True,
                auth_config=own_registry.engine_sign_in(self._job.target_repository),
            ),
            side="target",
            host=own_registry.own_host(),
        ):
            said = event.get("aux", {}).get("Digest", said)
            self._show_push(event, done)
        arrived = inspect(self._target, self._job.target_repository, task.target_tag)
        if arrived is None or (said and arrived.digest != said):
            raise OciError(
                "target_error",
                gettext_noop("%(host)s names another digest than was pushed."),
                retryable=True,
                host=own_registry.own_host(),
            )
        return Arrived(
            digest=arrived.digest,
            source_digest=self._source_digest,
            media_type=arrived.media_type,
            size=arrived.size,
            platforms=arrived.platforms,
            artifact_type=arrived.artifact_type,
            children=arrived.children,
        )

    def cleanup(self) -> None:
        for name in reversed(self._made):
            try:
                self._restore(name)
            except (DockerException, requests.RequestException) as exc:
                log.warning("docker.cleanup_failed", image=name, error=str(exc))
        self._made.clear()
        for place in self._places:
            place.close()
        self._target.close()
        self._api.close()

    # --- the Engine ------------------------------------------------------------------------------

    def _follow(self, events: Any, *, side: str, host: str) -> Any:
        try:
            yield from follow(
                self._api,
                events,
                cancel=self._job.cancel,
                stall_seconds=settings.IMPORT_STALL_SECONDS,
                side=side,
                host=host,
            )
        except DockerException as exc:
            raise failure(str(exc), side=side, host=host) from exc

    def _remember(self, name: str) -> None:
        """Note that we are about to make ``name``, and what it named before, if anything."""
        try:
            self._stood_before[name] = self._api.inspect_image(name)["Id"]  # type: ignore[no-untyped-call]
        except ImageNotFound:
            self._stood_before.pop(name, None)
        except (DockerException, requests.RequestException) as exc:
            raise engine_lost(exc) from exc
        self._made.append(name)

    def _restore(self, name: str) -> None:
        """Take away exactly what we made: a name that stood before names what it named."""
        before = self._stood_before.get(name)
        if before is None:
            try:
                self._api.remove_image(name, noprune=False)
            except ImageNotFound:
                return
        elif "@" not in name:
            repository, _, tag = name.rpartition(":")
            self._api.tag(before, repository, tag)

    def _resolve(self) -> Manifest:
        """The manifest that is wanted, from the first place that has it; the Engine then pulls from there."""
        source = self._job.source
        for place in self._places[:-1]:
            try:
                found = place.find_manifest(source.repository, source.wanted)
            except OciError as exc:
                log.info("docker.mirror_failed", mirror=place.host, error=str(exc))
                continue
            if found is not None:
                self._source = place
                return found
        return self._source.get_manifest(source.repository, source.wanted)

    def _one_platform(self, manifest: Manifest) -> Manifest:
        """The image that the Engine is to pull: the wanted platform of an index, or the Engine's own."""
        if manifest.kind != "index":
            return manifest
        wanted = self._job.task.platforms or [self._own_platform()]
        chosen = choose(manifest, [Platform.parse(text) for text in wanted])
        return self._source.get_manifest(self._job.source.repository, chosen.images[0].digest)

    def _own_platform(self) -> str:
        version = self._api.version()
        return f"{version['Os']}/{version['Arch']}"

    def _show_pull(self, event: Mapping[str, Any]) -> None:
        layer = self._sizes.get(str(event.get("id", "")))
        self._job.progress.alive()
        if layer is None:
            return
        status = event.get("status", "")
        if status == "Already exists":
            self._job.progress.layer(layer.digest, LayerState.EXISTS, layer.size)
        elif status == "Downloading":
            current = min(int(event.get("progressDetail", {}).get("current") or 0), layer.size)
            self._job.progress.layer(layer.digest, LayerState.COPYING, current)
        elif status in ("Download complete", "Pull complete", "Extracting"):
            self._job.progress.layer(layer.digest, LayerState.DONE, layer.size)

    def _show_push(self, event: Mapping[str, Any], done: dict[str, tuple[int, int]]) -> None:
        self._job.progress.alive()
        detail = event.get("progressDetail") or {}
        if event.get("id") and detail.get("total"):
            total = int(detail["total"])
            done[str(event["id"])] = (min(int(detail.get("current") or 0), total), total)
        whole = sum(total for _current, total in done.values())
        if whole:
            self._job.progress.advance(sum(current for current, _total in done.values()) / whole)


def _connect() -> docker.APIClient:
    """The Engine's client.

    :raises OciError: ``docker_unavailable``.
    """
    try:
        if settings.DOCKER_HOST:
            api = docker.APIClient(base_url=settings.DOCKER_HOST, version="auto", timeout=_ANSWER_SECONDS)
        else:
            api = docker.APIClient(version="auto", timeout=_ANSWER_SECONDS)
        api.ping()
    except (DockerException, requests.RequestException, OSError) as exc:
        raise engine_lost(exc) from exc
    return api
