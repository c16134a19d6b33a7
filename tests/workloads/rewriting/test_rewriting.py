"""Only names of images change, all other bytes stay, and the second time changes nothing."""

from __future__ import annotations

import itertools
import json
import re
import textwrap
import time
from collections.abc import Iterator

import kubernetes_validate
import pytest
import yaml
from hypothesis import given, settings

from oci.reference.parser import Reference
from tests.workloads.rewriting.texts import DIGEST, HERE, HOST, choose, documents, pinned
from workloads.rewriting import editing, rewriting
from workloads.rewriting.rewriting import Target


def rewritten(text: str, how: object = choose) -> str:
    reading = rewriting.read(text)
    return editing.apply(text, rewriting.edits(text, reading, how))  # type: ignore[arg-type]


CASES = {
    "a pod": (
        "spec:\n  containers:\n    - image: nginx:1 # c\n",
        f"spec:\n  containers:\n    - image: {HERE}:1 # c\n",
    ),
    "double quotes": ('image: "nginx:1"\n', f'image: "{HERE}:1"\n'),
    "single quotes and CRLF": ("a: b\r\nimage: 'nginx:1'\r\n", f"a: b\r\nimage: '{HERE}:1'\r\n"),
    "no tag": ("image: nginx\n", f"image: {HERE}:latest\n"),
    "a digest": (f"image: nginx:1@{DIGEST}\n", f"image: {HERE}:1@{DIGEST}\n"),
    "an anchor and its alias": (
        "x: &i nginx:1\na: {image: *i}\nimage: *i\n",
        f"x: &i {HERE}:1\na: {{image: *i}}\nimage: *i\n",
    ),
    "flow": (
        "{kind: Pod, image: nginx:1, other: nginx:1}",
        f"{{kind: Pod, image: {HERE}:1, other: nginx:1}}",
    ),
    "a block": ("image: >-\n  nginx:1\nx: 1\n", f"image: >-\n  {HERE}:1\nx: 1\n"),
    "a byte order mark and wide signs": ("\ufeffé: 😀\nimage: nginx:1\n", f"\ufeffé: 😀\nimage: {HERE}:1\n"),
    "several documents": (
        "image: nginx:1\n---\nimage: nginx:2\n...\n",
        f"image: {HERE}:1\n---\nimage: {HERE}:2\n...\n",
    ),
    "an image volume": (
        "volumes:\n- name: v\n  image:\n    reference: nginx:1\n",
        f"volumes:\n- name: v\n  image:\n    reference: {HERE}:1\n",
    ),
    "values in parts": (
        "image:\n  registry: docker.io\n  repository: library/nginx\n  tag: '1'\n",
        f"image:\n  registry: {HOST}\n  repository: team/docker.io/library/nginx\n  tag: '1'\n",
    ),
    "values without a registry": (
        "image:\n  repository: nginx\n  tag: 1\n  pullPolicy: Always\n",
        f"image:\n  repository: {HERE}\n  tag: 1\n  pullPolicy: Always\n",
    ),
    "a kustomization": (
        "images:\n- name: nginx\n  newTag: '1' # why\n",
        f"images:\n- newName: {HERE}\n  name: nginx\n  newTag: '1' # why\n",
    ),
    "a kustomization in braces": (
        "images: [{name: nginx, newTag: '1'}]\n",
        f"images: [{{newName: {HERE}, name: nginx, newTag: '1'}}]\n",
    ),
    "a kustomization with a new name": (
        "images:\n- name: app\n  newName: nginx\n  newTag: '1'\n",
        f"images:\n- name: app\n  newName: {HERE}\n  newTag: '1'\n",
    ),
    "compose": ("services:\n  web:\n    image: nginx:1\n", f"services:\n  web:\n    image: {HERE}:1\n"),
    "a template": (
        "{{ if x }}\nimage: nginx:1\n{{ end }}\n",
        f"{{{{ if x }}}}\nimage: {HERE}:1\n{{{{ end }}}}\n",
    ),
}
PINNED = {
    "one word": ("image: nginx:1\n", f"image: {HERE}:1@{DIGEST}\n"),
    "values with a digest": (
        'image:\n  repository: nginx\n  tag: "1"\n  digest: ""\n',
        f'image:\n  repository: {HERE}\n  tag: "1"\n  digest: "{DIGEST}"\n',
    ),
    "values with an empty digest": (
        "image:\n  repository: nginx\n  tag: a\n  digest:\n",
        f"image:\n  repository: {HERE}\n  tag: a\n  digest: {DIGEST}\n",
    ),
    "values without one": (
        "image:\n  repository: nginx\n  tag: a\n",
        f"image:\n  repository: {HERE}\n  tag: a@{DIGEST}\n",
    ),
    "a kustomization": (
        "images:\r\n- name: nginx\r\n  newTag: a\r\n",
        f"images:\r\n- newName: {HERE}\r\n  digest: {DIGEST}\r\n  name: nginx\r\n  newTag: a\r\n",
    ),
}
LEFT = [
    "image: ghcr.io/a/b:1\n",
    "image: ${IMAGE}\n",
    "image: '{{ .Values.image }}'\n",
    "image:\n  repository: nginx\n  tag: ''\n",
    "services:\n  web:\n    build: .\n    image: nginx:1\n",
    "images:\n- name: nginx\n  newName: docker.io/library/nginx\n",
    "a: {registry: &r docker.io, repository: library/nginx, tag: '1'}\n"
    "b: {registry: *r, repository: x/y, tag: '${T}'}\n",
    "data:\n  text: |\n    image: nginx:1\n",
    'image: "ngi\\x6ex:1"\n',
    "image: nginx: 1: 2\n",
    "dependencies:\n- name: nginx\n  repository: https://charts.example.com\n",
    "",
]


@pytest.mark.parametrize("name", CASES)
def test_only_the_names_of_images_change(name: str) -> None:
    before, after = CASES[name]
    assert rewritten(before) == after
    assert rewritten(after) == after


@pytest.mark.parametrize("name", PINNED)
def test_a_digest_is_written_where_the_form_has_its_place(name: str) -> None:
    before, after = PINNED[name]
    assert rewritten(before, pinned) == after
    assert rewritten(after, pinned) == after
    yaml.safe_load(after)


@pytest.mark.parametrize("text", LEFT)
def test_what_can_not_be_known_is_left(text: str) -> None:
    assert rewritten(text) == text


@pytest.mark.parametrize(
    ("text", "tag", "after"),
    [
        (
            "image:\n  repository: nginx\n  tag: latest\n",
            "1.10",
            f'image:\n  repository: {HERE}\n  tag: "1.10"\n',
        ),
        (
            "image:\n  repository: nginx\n  tag: 'a'\n",
            "2024",
            f"image:\n  repository: {HERE}\n  tag: '2024'\n",
        ),
        (
            f"images:\n- name: nginx\n  newName: nginx\n  digest: {DIGEST}\n",
            "2024",
            f"images:\n- name: nginx\n  newName: {HERE}\n  digest: {DIGEST}\n",
        ),
    ],
)
def test_a_tag_that_would_be_read_as_a_number_is_quoted(text: str, tag: str, after: str) -> None:
    def elsewhere(reference: Reference) -> Target:
        return Target(HOST, f"team/{reference.full_target_name}", tag, reference.digest or "")

    assert rewritten(text, elsewhere) == after


def test_what_is_left_is_told() -> None:
    reading = rewriting.read("a: {image: '${IMAGE}'}\nb: {image: nginx:1}\nc: {image: '${IMAGE}'}\n")
    assert reading.unreadable == ["${IMAGE}"]
    assert [str(each) for each in reading.references] == ["docker.io/library/nginx:1"]


#: Texts with places for names: of images that are here (``<…>``), and of one that is not.
FORMS = {
    "a pod": "kind: Pod\nspec:\n  containers:\n  - name: web\n    image: <nginx:1>\n  - {name: b, image: <redis>}\n",
    "a pod with everything": (
        "spec:\n    initContainers:\n        - image:   <busybox:1.36>\n          args: [image, nginx:1]\n"
        "    ephemeralContainers: [ { image: <alpine> } ]\n"
        "    volumes:\n        - image: { reference: <nginx:1>, pullPolicy: Always }\n"
    ),
    "a cron job": (
        "kind: CronJob\nspec:\n jobTemplate:\n  spec:\n   template:\n    spec:\n     containers:\n"
        "     - image: <redis:7>\n       env: [{name: IMAGE, value: nginx:1}]\n"
    ),
    "in braces": '{"kind": "List", "items": [{"spec": {"containers": [{"image": <nginx:1>}, {"x": 1}]}}]}\n',
    "compose": "services:\n  web:\n    image: <nginx:1>\n    ports: ['80:80']\n  db: {image: <redis:7>}\n",
    "one name by an anchor": "x: &it <nginx:1>\na:\n  image: *it\nb: {image: *it}\n",
    "what is not here": "a:\n  image: ghcr.io/a/b:2\nb:\n  image: <nginx:1>\nc:\n  image: '${IMAGE}'\n",
    "several documents": "%YAML 1.1\n---\nimage: <nginx:1>\n...\n---\n# nothing\n---\nimage: <redis>\n",
    "lists in lists": "- - image: <nginx:1>\n  - - image:    <redis>   # image: redis\n-   image: <nginx:1>\n",
    "keys in another order": "tag: x\nimage: <nginx:1>\nname: image\nimages: 3\n? a\n: image: <redis:7>\n",
}
AROUND = {
    "nothing": "{}",
    "comments": "# image: nginx:1\n\n{}# the end: image: redis\n",
    "other text": 'note: |\n  image: nginx:1\n  \ttab\ntext: "a\\tb\tc"\nlast: >+\n  image:\n\n---\n{}',
    "wide signs behind a mark": "\ufeff# 😀 é\n{}",
}
QUOTES = ("", "'", '"')


def test_of_two_hundred_documents_all_bytes_but_the_images_stay() -> None:
    seen = set()
    for form, around, mark, end in itertools.product(FORMS, AROUND, QUOTES, ("\n", "\r\n")):
        if form == "several documents" and around == "other text":
            continue  # A directive stands before its document only.
        quote = '"' if form == "in braces" else mark
        pattern = AROUND[around].replace("{}", FORMS[form]).replace("\n", end)
        before = re.sub(r"<(.*?)>", rf"{quote}\1{quote}", pattern)
        after = re.sub(r"<(.*?)>", lambda found: quote + here(found[1]) + quote, pattern)  # noqa: B023 - called here
        found = rewritten(before)
        assert found == after, (form, around, mark, end)
        assert rewritten(found) == found
        list(yaml.safe_load_all(found))
        seen.add(before)
    assert len(seen) >= 200


def here(name: str) -> str:
    """What stands for an image of Docker Hub here."""
    repository, _, tag = name.partition(":")
    return f"{HOST}/team/docker.io/library/{repository}:{tag or 'latest'}"


@settings(max_examples=300, deadline=None)
@given(documents())
def test_whatever_the_text_only_images_differ(text: str) -> None:
    after = rewritten(text)
    assert rewritten(after) == after
    plain = [line for line in text.splitlines() if "image" not in line and "repository" not in line]
    assert plain == [line for line in after.splitlines() if "image" not in line and "repository" not in line]
    if after != text:
        assert after.replace(f"{HOST}/team/docker.io/library/", "") != after


@settings(max_examples=300, deadline=None)
@given(documents())
def test_a_text_that_reads_as_yaml_reads_the_same_but_for_its_images(text: str) -> None:
    try:
        before = list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        return
    for one, other in leaves(before, list(yaml.safe_load_all(rewritten(text)))):
        assert one == other or str(other).startswith(
            f"{HOST}/team/docker.io/library/{str(one).partition(':')[0]}"
        )


def leaves(one: object, other: object) -> Iterator[tuple[object, object]]:
    """What stands in the same places; the places themselves are the same."""
    assert type(one) is type(other) or not isinstance(one, dict | list)
    if isinstance(one, dict) and isinstance(other, dict):
        assert list(one) == list(other)
        for key in one:
            yield from leaves(one[key], other[key])
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            yield from leaves(*pair)
    else:
        yield one, other


def test_kubernetes_takes_what_comes_back() -> None:
    text = textwrap.dedent(
        """\
        apiVersion: batch/v1
        kind: CronJob
        metadata: {name: report}
        spec:
          schedule: "5 4 * * *"
          jobTemplate:
            spec:
              template:
                spec:
                  restartPolicy: Never
                  initContainers:
                    - {name: wait, image: busybox}
                  containers:
                    - name: report
                      image: 'nginx:1.27'  # of the day
                  volumes:
                    - name: model
                      image: {reference: "alpine:3"}
        """
    )
    for how in (choose, pinned):
        found = yaml.safe_load(rewritten(text, how))
        kubernetes_validate.validate(found, "1.37", strict=True)
        assert json.dumps(found).count(f"{HOST}/team/docker.io/library/") == 3


def hostile(size: int) -> str:
    """Many images, and one anchor that is named very often."""
    return "image: nginx:1\n" * size + "a: &a [" + "*a," * size + "]\n"


def test_a_text_of_four_times_the_length_takes_about_four_times_as_long() -> None:
    def seconds(text: str) -> float:
        began = time.process_time()
        assert rewritten(text).count(HOST) == text.count("image")
        return time.process_time() - began

    short, long = (min(seconds(hostile(size)) for _ in range(2)) for size in (1000, 4000))
    assert long < 10 * short, "what grows with the square takes sixteen times as long"
