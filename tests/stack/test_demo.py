"""`make demo` and the first start: the sample arrives, by the real pipeline."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from stack.paths import ROOT
from stack.sample import sample_image
from testbed.portal import FOREIGN, PortalProcess, descendants


def test_the_demo_succeeds_says_the_digest_and_leaves_nothing(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    # What an operator configured for the real portal must not reach the demo.
    env |= {"REDIS_URL": "redis://127.0.0.1:1/0", "REGISTRY_URL": "http://127.0.0.1:1"}
    env |= {"IMPORT_MIRRORS_ONLY": "127.0.0.1", "DJANGO_SETTINGS_MODULE": "nowhere.settings"}
    # A folder of its own: other tests' portals may be importing their sample at this moment.
    env |= {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["make", "demo"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=380, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sample_image().digest in done.stdout
    assert re.search(r"read back from http://127\.0\.0\.1:\d+: library/hello:1\.0 is sha256:", done.stdout)
    assert not [line for line in descendants(1).values() if str(tmp_path) in line]
    assert not list(tmp_path.iterdir())


def test_the_first_start_imports_the_sample_with_its_progress_shown(
    make_portal: Callable[..., PortalProcess],
) -> None:
    portal = make_portal(PORTAL_SAMPLE="1", IMPORT_PRIVATE_SOURCES="", IMPORT_INSECURE_SOURCES="")
    said = portal.output()
    assert "100" in said[said.index("importing the sample image") :]
    assert portal.verify("library/hello", "1.0").digest == sample_image().digest
    project = portal.project("library")
    (image,) = portal.call("GET", f"/projects/{project}/images").json()["results"]
    assert (image["repository"], image["tag"], image["digest"]) == ("hello", "1.0", sample_image().digest)
    assert portal.pids("portal-sample-") == {}
    # The source was open for the sample only.
    refused = portal.call("POST", f"/projects/{project}/images/import", {"image_url": "127.0.0.1:9/a/b:1"})
    assert refused.status_code == 400, refused.text
    portal.stop()
    portal.start()
    assert portal.output().count("importing the sample image") == 1


def test_a_sample_that_cannot_arrive_does_not_keep_the_portal_down(
    make_portal: Callable[..., PortalProcess],
) -> None:
    portal = make_portal(PORTAL_SAMPLE="1", IMPORT_MAX_ATTEMPTS="1", REGISTRY_URL="http://127.0.0.1:1")
    assert "the sample did not arrive" in portal.output()
    assert "Ctrl-C stops everything" in portal.output()
