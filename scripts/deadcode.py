"""Nothing of the product is used by nothing: vulture's judgement, with what Django and templates use by name."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from keyword import iskeyword
from pathlib import Path

from vulture import Vulture

from scripts.lint import project_files
from stack.paths import ROOT

PACKAGES = (
    "oci",
    "accounts",
    "projects",
    "imageimport",
    "workloads",
    "registry_portal",
    "stack",
    "bench",
    "scripts",
    "client",
)
#: Called by frameworks because of their names: of Django's forms, fields, admin, sessions and commands, of the API's
#: views and serializers, of collectors of Prometheus, workers of gunicorn, request handlers and files of Python.
HOOKS = [
    *("clean_*", "get_*", "validate_*", "has_*_permission", "filter_*", "*Config", "Meta", "ordering"),
    *("add_arguments", "handle", "add_message", "is_open_for_signup", "authenticate_header", "from_db_value"),
    *(
        "value_to_string",
        "aload",
        "aexists",
        "asave",
        "adelete",
        "post",
        "partial_update",
        "retrieve",
        "destroy",
    ),
    *(
        "paginate_queryset",
        "to_html",
        "run_validation",
        "validate",
        "prepare_value",
        "run_validators",
        "collect",
    ),
    *("delete_queryset", "password_change", "murder_pending", "makefile"),
    *("_validate", "handle_raw_input", "receive_data_chunk", "file_complete", "upload_interrupted"),
    *("do_*", "log_message", "readable", "_new_conn", "connect_tcp", "has_changed", "connection_class"),
]
DECORATORS = [
    "@admin.*",
    "@*.command",
    "@register",
    "@register.*",
    "@app.task",
    "@shared_task",
    "@receiver",
    "@*.connect",
]
#: What a framework finds in a way of its own.
KEPT = {
    "BearerScheme": "drf-spectacular finds it as a subclass",
    "RobotScheme": "drf-spectacular finds it as a subclass",
}
#: Kinds of vulture that say something here; attributes and variables of classes are settings of frameworks.
KINDS = frozenset({"class", "function", "import", "method", "property", "unreachable_code"})
_WORD = re.compile(r"[A-Za-z_]\w+")
_NAME = re.compile(r"[\w.:/-]+")


def unused(paths: Iterable[Path], templates: str) -> list[str]:
    """A line for each thing in ``paths`` that neither they nor the text of ``templates`` use."""
    sources = {path: path.read_text(encoding="utf-8") for path in paths}
    vulture = Vulture(ignore_names=HOOKS, ignore_decorators=DECORATORS)
    for path, source in sources.items():
        vulture.scan(source, filename=path)
    named = {word for source in sources.values() for word in _named(source)}
    named.update(_WORD.findall(templates))
    vulture.scan("\n".join(sorted(word for word in named if word.isidentifier() and not iskeyword(word))))
    return [
        f"{item.filename.relative_to(ROOT) if item.filename.is_relative_to(ROOT) else item.filename.name}"
        f":{item.first_lineno}: unused {item.typ} {item.name}"
        for item in vulture.get_unused_code()
        if item.typ in KINDS and item.name not in KEPT
    ]


def _named(source: str) -> Iterator[str]:
    """Names in texts of code: dotted paths in settings, columns of lists, fields of serializers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value):
            yield from _WORD.findall(node.value)


def main() -> int:
    """0 if nothing is unused."""
    files = [
        path
        for path in project_files(".py")
        if path.relative_to(ROOT).parts[0] in PACKAGES and "migrations" not in path.parts
    ]
    outside = [*project_files(".html", ".txt"), ROOT / "gunicorn.conf.py", ROOT / "manage.py"]
    found = unused(files, "\n".join(path.read_text(encoding="utf-8") for path in outside))
    for line in found:
        print(line)
    print(f"{len(files)} files, {len(found)} things unused")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
