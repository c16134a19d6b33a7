"""``python -m bench.scale fill|measure …``; see ``--help`` and docs/scaling.md."""

from __future__ import annotations

import argparse
import os

import django

#: What "as quick" means.
MAX_RATIO = 1.5
#: Milliseconds of the processor that a sum over many rows may take.
MAX_SUM_MS = 300.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    filling = commands.add_parser(
        "fill", help="migrate and fill the database of DATABASE_URL or PORTAL_DATA_DIR"
    )
    filling.add_argument("--tasks", type=int, default=1_000_000)
    filling.add_argument("--images", type=int, default=100_000)
    filling.add_argument("--pending", type=int, default=0, help="imports that wait (default: 200 at most)")
    commands.add_parser("answer", help="(used by measure)")
    measuring = commands.add_parser("measure", help="compare two filled databases")
    measuring.add_argument("few", help="DATABASE_URL, or a data directory with a SQLite file")
    measuring.add_argument("many", help="the same for many rows")
    measuring.add_argument("--rounds", type=int, default=15)
    measuring.add_argument("--only", default="", help="cases whose name contains this")
    measuring.add_argument("--slowest", action="store_true", help="print the slowest statement of what grows")
    arguments = parser.parse_args()
    if arguments.command == "measure":
        raise SystemExit(measure(arguments))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_portal.settings")
    django.setup()
    if arguments.command == "answer":
        from bench.scale.measure import answer

        answer()
    if arguments.command == "fill":
        from django.core.management import call_command

        from bench.scale.fill import fill

        call_command("migrate", verbosity=0)
        fill(tasks=arguments.tasks, images=arguments.images, pending=arguments.pending, say=print)


def measure(arguments: argparse.Namespace) -> int:
    """Print a line a case; 1 if anything takes more than :data:`MAX_RATIO` times as long among many rows, or, where it
    adds rows up, more than :data:`MAX_SUM_MS`."""
    from bench.scale.measure import ADDS_UP, compare

    sides = [_environment(side) for side in (arguments.few, arguments.many)]
    slower = 0
    print(f"{'ms':>8} {'ms':>8}  ratio  queries")
    for result in compare(sides[0], sides[1], rounds=arguments.rounds, only=arguments.only):
        grows = result.many > MAX_SUM_MS if result.name in ADDS_UP else result.ratio > MAX_RATIO
        slower += grows
        queries = f"{result.queries:>3} {result.queries_many:>3}"
        print(
            f"{result.few:8.1f} {result.many:8.1f}  {result.ratio:5.2f}  {queries}  {result.name}{' <<<' * grows}"
        )
        if grows and arguments.slowest:
            print(f"    {result.slowest_ms:.1f} ms: {result.slowest}")
    print(f"{slower} cases take more than {MAX_RATIO} times as long among many rows, or add up too slowly.")
    return 1 if slower else 0


def _environment(side: str) -> dict[str, str]:
    return {"DATABASE_URL": side} if "://" in side else {"PORTAL_DATA_DIR": side, "DATABASE_URL": ""}


if __name__ == "__main__":
    main()
