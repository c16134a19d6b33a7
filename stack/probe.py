"""``python -m stack.probe URL``: exit code 0 if a GET there is answered 200. For health checks in containers."""

from __future__ import annotations

import sys
import urllib.request


def main(url: str) -> int:
    """0 if it answers 200 within three seconds."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=3) as response:
            return 0 if response.status == 200 else 1
    except OSError as exc:
        print(f"{url}: {exc}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
