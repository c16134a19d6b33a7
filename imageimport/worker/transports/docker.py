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
from django.utils.translation import gettext_noop
from docker.errors import DockerException, ImageNotFound

from imageimport.registries import clients
from imageimport.worker.transports.base import Job
from imageimport.worker.transports.engine_stream import engine_lost, failure, follow
from imageimport.worker.within_quota import WithinQuota
from oci.copy.candidate import Candidate, created_of_config
from oci.copy.image_copier import CopyResult
from oci.copy.observer import LayerPlan, LayerState
from oci.copy.signatures.places import AtRepository
from oci.errors import OciError
from oci.limits import MANIFEST_BYTES
from oci.registry.faults import TAG_EXISTS, TAG_PROTECTED
from oci.registry.repository import Repository
from oci.signatures.proof import Subject
from oci.spec.manifest import Descriptor, Manifest
from oci.spec.media_types import CONFIG_TYPES
from oci.spec.platform import Platform
from oci.spec.selection import choose, platform_of_config
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
        options = job.client_options()
        self._places = clients.source_places(
            job.source.reference,
            user=job.task.requested_by,
            credential=job.source.credential,
            options=options,
        )
        self._from = self._places[-1]
        access = {job.target_repository: own_registry.PUSH}
        self._target = Repository(
            own_registry.target_client(access=access, options=options), job.target_repository
        )
        self._pulled = ""
        self._target_name = f"{own_registry.own_host()}/{job.target_repository}"
        self._source_digest = ""
        self._is_there = False
        self._made: list[str] = []
        self._stood_before: dict[str, str] = {}
        self._sizes: dict[str, Descriptor] = {}

    @property
    def _source(self) -> Repository:
        """At the place that the image is read from."""
        return self._from.repository

    # --- stages ----------------------------------------------------------------------------------

    def login(self) -> None:
        manifest = self._resolve()
        # The Engine's own proxies are not known here.
        self._job.progress.via = self._source.host if self._source.client.is_mirror else ""
        self._source_digest = manifest.digest
        image = self._one_platform(manifest)
        self._prove(manifest, image)
        self._sizes = {layer.digest.partition(":")[2][:12]: layer for layer in image.layers}
        self._job.checks.judge(self._candidate(image))
        WithinQuota(self._job.progress, self._job.task).layers(
            [LayerPlan(layer.digest, layer.size, layer.media_type) for layer in image.layers]
        )
        self._pulled = f"{self._source.host}/{self._source.path}@{image.digest}"

    def _prove(self, root: Manifest, image: Manifest) -> None:
        gate = self._job.signatures
        if gate is None:
            return
        gate.refuse_engine()
        parts = () if image is root else (Subject(image),)
        gate.admit(Subject(root, parts), AtRepository(self._source))

    def pull(self) -> None:
        self._remember(self._pulled)
        repository, _, digest = self._pulled.partition("@")
        # The account of this place: a person's is for the registry itself, a mirror's for that mirror.
        account = self._from.account
        sign_in = {"username": account.username, "password": account.password} if account else {}
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
        self._is_there = self._stands(protected=self._job.tag_is_protected())
        if self._is_there:
            return
        name = f"{self._target_name}:{task.target_tag}"
        self._remember(name)
        try:
            self._api.tag(self._pulled, self._target_name, task.target_tag)
        except (DockerException, requests.RequestException) as exc:
            raise engine_lost(exc) from exc

    def _stands(self, *, protected: bool) -> bool:
        """Whether the tag stays as it is, since it names the source's digest already: what the Engine pushes need not
        have the digest that it pulled, and the tag would change.

        :raises OciError: ``tag_protected`` or ``tag_exists``: it names something else, and may not change.
        """
        task = self._job.task
        head = self._target.head_manifest(task.target_tag) if protected or not task.overwrite else None
        if head is None:
            return False
        if head.digest == self._source_digest:
            return True
        if protected:
            raise OciError("tag_protected", TAG_PROTECTED, tag=task.target_tag)
        raise OciError("tag_exists", TAG_EXISTS, tag=task.target_tag)

    def push(self) -> CopyResult:
        task = self._job.task
        if not self._is_there and self._job.tag_is_protected():
            # It was free to change when it was fixed, and may be protected by now.
            self._is_there = self._stands(protected=True)
        pushed = "" if self._is_there else self._push_by_engine()
        arrived = inspect(self._target, task.target_tag)
        if arrived is None or (pushed and arrived.digest != pushed):
            raise OciError(
                "target_error",
                gettext_noop("%(host)s reports a different digest than the one that was pushed."),
                retryable=True,
                host=own_registry.own_host(),
            )
        return CopyResult(arrived, self._source_digest)

    def _push_by_engine(self) -> str:
        """Returns the digest that the Engine says it pushed; empty where it says none."""
        task = self._job.task
        self._job.checks.confirm_lease()
        pushed = ""
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
            pushed = event.get("aux", {}).get("Digest", pushed)
            self._show_push(event, done)
        return pushed

    def cleanup(self) -> None:
        for name in reversed(self._made):
            try:
                self._restore(name)
            except (DockerException, requests.RequestException) as exc:
                log.warning("docker.cleanup_failed", image=name, error=str(exc))
        self._made.clear()
        for place in self._places:
            place.repository.close()
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
        for place in self._places[:-1]:
            try:
                found = place.repository.find_manifest(self._job.source.reference.identifier)
            except OciError as exc:
                log.info("docker.mirror_failed", mirror=place.repository.host, error=str(exc))
                self._job.progress.faults.note(place.repository.via, exc)
                continue
            if found is not None:
                self._from = place
                return found
        try:
            return self._source.get_manifest(self._job.source.reference.identifier)
        except OciError as exc:
            self._job.progress.faults.note(self._source.via, exc)
            raise

    def _one_platform(self, manifest: Manifest) -> Manifest:
        """The image that the Engine is to pull: the wanted platform of an index, or the Engine's own."""
        if manifest.kind != "index":
            return manifest
        wanted = self._job.task.platforms or [self._own_platform()]
        chosen = choose(manifest, [Platform.parse(text) for text in wanted])
        return self._source.get_manifest(chosen.images[0].digest)

    def _candidate(self, image: Manifest) -> Candidate:
        def configuration() -> bytes | None:
            config = image.config
            if config is None or config.media_type not in CONFIG_TYPES or config.size > MANIFEST_BYTES:
                return None
            return self._source.read_blob(config.digest, config.size)

        def platforms() -> tuple[str, ...]:
            platform = platform_of_config(configuration() or b"")
            return (str(platform) if platform else "",)

        return Candidate(
            digest=self._source_digest,
            bytes_total=sum(layer.size for layer in image.layers),
            platforms=platforms,
            created=lambda: (created_of_config(configuration()),),
        )

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
