"""Files of regsync, skopeo sync, image-syncer and hauler, as their own documents have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal_client.applying.desired import Project
from portal_client.errors import PortalError
from portal_client.foreign import Choice, read_files
from stack.sample import sample_image
from testbed.portal import PortalProcess
from testbed.services import RegistryServer
from tests.client.conftest import Terminal

REGSYNC = r"""
x-sched-a: &sched-a "15 01 * * *"
version: 1
creds:
  - registry: localhost:5000
    tls: disabled
  - registry: docker.io
    user: "{{env \"HUB_USER\"}}"
    pass: "{{file \"/var/run/secrets/hub_token\"}}"
defaults:
  ratelimit:
    min: 100
    retry: 15m
  parallel: 2
sync:
  - source: busybox:latest
    target: localhost:5000/library/busybox:latest
    type: image
    interval: 60m
    backup: "backup-{{.Ref.Tag}}"
  - source: alpine
    target: localhost:5000/library/alpine
    type: repository
    tags:
      allow:
      - "latest"
      - "edge"
      - "3"
      - "3.\\d+"
      - "3.9"
      - "20[0-9]{2}.*"
      deny:
      - "3.0"
    platforms: [linux/amd64, linux/arm64]
    schedule: *sched-a
  - source: localreg:5000
    target: localcopy:5000
    type: registry
"""

SKOPEO = r"""
registry.example.com:
    images:
        busybox: []
        redis:
            - "1.0"
            - "2.0"
            - "sha256:0000000000000000000000000000000011111111111111111111111111111111"
    images-by-tag-regex:
        nginx: ^1\.13\.[12]-alpine-perl$
    images-by-semver:
        alpine:
            - "3.12 - 3.13"
            - ">= 3.17"
    credentials:
        username: john
        password: this is a secret
    tls-verify: true
    cert-dir: /home/john/certs
quay.io:
    tls-verify: false
    images:
        coreos/etcd:
            - latest
"""

IMAGE_SYNCER = """
quay.io/coreos/kube-rbac-proxy: quay.io/ruohe/kube-rbac-proxy
quay.io/coreos/kube-rbac-proxy:v1.0: quay.io/ruohe/kube-rbac-proxy
quay.io/coreos/kube-rbac-proxy:v1.0,v2.0: quay.io/ruohe/two
quay.io/coreos/kube-rbac-proxy:v3.0: quay.io/ruohe/kube-rbac-proxy:renamed
"quay.io/coreos/kube-rbac-proxy@sha256:14b267eb38aa85fd12d0e168fffa2d8a6187ac53a14a0212b0d4fce8d729598c":
  quay.io/ruohe/kube-rbac-proxy
quay.io/coreos/kube-rbac-proxy:/a+/: quay.io/ruohe/kube-rbac-proxy
"""

IMAGE_SYNCER_AUTH = """
quay.io:
  username: ${QUAY_USER}
  password: ${QUAY_PASSWORD}
quay.io/coreos:
  username: abc
  password: xxxxxxxxx
  insecure: true
"""

HAULER = """
apiVersion: content.hauler.cattle.io/v1
kind: Images
metadata:
  name: hauler-content-images-example
  annotations:
    hauler.dev/platform: linux/amd64
spec:
  images:
    - name: busybox
    - name: busybox:stable
      platform: linux/arm64
    - name: gcr.io/distroless/base@sha256:7fa7445dfbebae4f4b7ab0e6ef99276e96075ae42584af6286ba080750d6dfe5
    - name: ghcr.io/hauler-dev/hauler:v1.2
      key: cosign.pub
      rewrite: tools/hauler:v1
---
apiVersion: content.hauler.cattle.io/v1
kind: Charts
metadata:
  name: hauler-content-charts-example
spec:
  charts:
    - name: rancher
      repoURL: https://releases.rancher.com/server-charts/stable
    - name: rancher-cluster-templates
      repoURL: oci://ghcr.io/rancherfederal/charts
      version: 0.6.1
    - name: cert-manager
      repoURL: https://charts.jetstack.io/
      version: v1.15.0+b
    - name: local
      repoURL: ./charts
---
apiVersion: content.hauler.cattle.io/v1
kind: Files
metadata:
  name: hauler-content-files-example
spec:
  files:
    - path: https://get.rke2.io
"""


def _read(tmp_path: Path, *texts: str, cron: str = "") -> tuple[Project, list[str]]:
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"{number}.yaml")
        paths[-1].write_text(text, encoding="utf-8")
    desired = read_files(paths, Choice("library", cron))
    (project,) = desired.projects
    return project, desired.notes


def test_regsyncs_example_becomes_schedules_with_their_own_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_USER", "bot")
    project, notes = _read(tmp_path, REGSYNC)
    busybox, alpine = project.sections["schedules"]
    assert busybox == {
        "image_url": "busybox",
        "tags": ["latest"],
        "cron": "0 * * * *",
        "target_name": "busybox",
        "credential": "docker.io",
    }
    assert alpine["tags"] == ["latest", "edge", "3", "3.9", "20[0-9][0-9]*"]
    assert alpine["exclude_tags"] == ["3?0"]
    assert (alpine["cron"], alpine["platforms"]) == ("15 01 * * *", ["linux/amd64", "linux/arm64"])
    (credential,) = project.sections["credentials"]
    assert (credential["name"], credential["registry"], credential["username"]) == (
        "docker.io",
        "docker.io",
        "bot",
    )
    assert str(credential["password"].file) == "/var/run/secrets/hub_token"
    text = "\n".join(notes)
    for part in (
        r"3.\d+ can't be expressed",
        "localreg:5000: a whole registry is left out",
        "backup: ",
        "plain HTTP",
    ):
        assert part in text


def test_skopeos_example_becomes_schedules_where_a_time_is_given(tmp_path: Path) -> None:
    project, notes = _read(tmp_path, SKOPEO, cron="0 3 * * *")
    schedules = {(row["image_url"], *row["tags"]) for row in project.sections["schedules"]}
    assert schedules == {
        ("registry.example.com/busybox", "*"),
        ("registry.example.com/redis", "1.0", "2.0"),
        ("registry.example.com/nginx", "1.13.[12]-alpine-perl"),
        ("registry.example.com/alpine", "semver:3.12 - 3.13", "semver:>= 3.17"),
        ("quay.io/coreos/etcd", "latest"),
    }
    (by_digest,) = project.images  # a digest never moves
    assert by_digest["image_url"].startswith("registry.example.com/redis@sha256:00000")
    assert by_digest["target_tag"] == "digest-000000000000"
    (credential,) = project.sections["credentials"]
    assert credential["registry"] == "registry.example.com"
    assert "this is a secret" not in repr(credential)
    assert credential["password"].reveal() == "this is a secret"
    assert any("plain HTTP" in note for note in notes)


def test_without_a_time_exact_tags_are_imported_and_choices_are_told(tmp_path: Path) -> None:
    project, notes = _read(tmp_path, SKOPEO)
    assert "schedules" not in project.sections
    images = {row["image_url"] for row in project.images}
    assert {"registry.example.com/redis:1.0", "quay.io/coreos/etcd:latest"} <= images
    assert not any("busybox" in image or "alpine" in image for image in images)
    assert any("registry.example.com/busybox: * selects tags" in note for note in notes)


def test_image_syncers_rules_and_accounts_are_read_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUAY_USER", "robot")
    project, notes = _read(tmp_path, IMAGE_SYNCER_AUTH, IMAGE_SYNCER, cron="0 3 * * *")
    schedules = [(row["tags"], row["target_name"]) for row in project.sections["schedules"]]
    assert schedules == [
        (["*"], "ruohe/kube-rbac-proxy"),
        (["v1.0"], "ruohe/kube-rbac-proxy"),
        (["v1.0", "v2.0"], "ruohe/two"),
    ]
    assert {row["credential"] for row in project.sections["schedules"]} == {
        "quay.io/coreos"
    }  # the longer name wins
    assert [(row.get("target_tag"), "@sha256:14b2" in row["image_url"]) for row in project.images] == [
        ("renamed", False),
        ("digest-14b267eb38aa", True),
    ]
    text = "\n".join(notes)
    assert "/a+/ can't be expressed" in text
    assert "imported only once, as renamed" in text


def test_image_syncers_older_file_has_both_in_one(tmp_path: Path) -> None:
    text = '{"auth": {"ghcr.io": {"username": "u", "password": "p"}}, "images": {"ghcr.io/a/b:1": ["x.io/n/b", ""]}}'
    project, _notes = _read(tmp_path, text)
    assert [row["image_url"] for row in project.images] == ["ghcr.io/a/b:1", "ghcr.io/a/b:1"]
    assert [row.get("target_name") for row in project.images] == ["n/b", None]
    assert project.sections["credentials"][0]["registry"] == "ghcr.io"


def test_haulers_manifest_becomes_imports_and_says_what_is_left_out(tmp_path: Path) -> None:
    project, notes = _read(tmp_path, HAULER)
    images = {row["image_url"].split("@")[0]: row for row in project.images}
    assert images.keys() == {
        "busybox:latest",
        "busybox:stable",
        "gcr.io/distroless/base",
        "ghcr.io/hauler-dev/hauler:v1.2",
        "ghcr.io/rancherfederal/charts/rancher-cluster-templates:0.6.1",
        "helm+https://charts.jetstack.io/cert-manager:v1.15.0_b",
    }
    assert images["busybox:latest"]["platforms"] == ["linux/amd64"]
    assert images["busybox:stable"]["platforms"] == ["linux/arm64"]
    assert images["gcr.io/distroless/base"]["target_tag"] == "digest-7fa7445dfbeb"
    rewritten = images["ghcr.io/hauler-dev/hauler:v1.2"]
    assert (rewritten["target_name"], rewritten["target_tag"]) == ("tools/hauler", "v1")
    text = "\n".join(notes)
    for part in (
        "Chart rancher is left out",
        "Chart local is left out",
        "hauler's Files are left out",
        "not verified by this file",
    ):
        assert part in text


@pytest.mark.parametrize(
    "text", ["a: 1\n", "- nginx\n", "apiVersion: v1\nkind: Pod\n", "apiVersion: portal/v2\n"]
)
def test_a_file_that_is_none_of_these_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PortalError):
        read_files([path], Choice("library"))


def test_another_tools_file_is_applied_to_the_project_that_is_named(
    portal: PortalProcess, admin: Terminal, registry: RegistryServer
) -> None:
    digest = registry.push("client/foreign", "1", sample_image())
    file = admin.home / "sync.yml"
    file.write_text(f"{registry.host}:\n  images:\n    client/foreign: ['1']\n", encoding="utf-8")
    assert "--project" in admin.run("apply", str(file)).err
    admin.succeed("apply", str(file), "-p", "client-foreign", "--wait")
    assert portal.verify("client-foreign/client/foreign", "1").digest == digest
    assert admin.succeed("apply", str(file), "-p", "client-foreign").out == "Nothing to change.\n"
    admin.succeed("apply", str(file), "-p", "client-foreign", "--cron", "0 3 * * *")
    (schedule,) = admin.succeed("schedule", "list", "-p", "client-foreign", "--json").rows
    assert (schedule["tags"], schedule["cron"]) == (["1"], "0 3 * * *")
