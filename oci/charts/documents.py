"""What a Helm repository serves: bodies that are read in order and bounded, and YAML that costs what it is long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml

from oci.errors import OciError, gettext_noop
from oci.registry.blobs import ByteStream

_TOO_LARGE: Final = gettext_noop("%(host)s sends more than %(limit)d bytes for %(what)s.")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PIECE: Final = 64 * 1024
#: How deep a value may be nested; a chart's dependencies are three deep.
DEPTH: Final = 20


class Body:
    """A body as a file that is read once.

    :param most: bytes that it may have.
    :param alive: told of each piece; may raise.
    """

    def __init__(self, stream: ByteStream, *, what: str, most: int, alive: Callable[[], None]) -> None:
        self._stream, self._what, self._most, self._alive = stream, what, most, alive
        self._count = 0

    def read(self, size: int = -1) -> bytes:
        """As a file's.

        :raises RetryableError: as of the stream.
        :raises OciError: ``limit_exceeded``.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(_PIECE), b""))
        piece = bytearray(min(size, _PIECE))
        self._alive()
        came = self._stream.readinto(memoryview(piece))
        self._count += came
        if self._count > self._most:
            raise OciError(
                "limit_exceeded", _TOO_LARGE, host=self._stream.host, limit=self._most, what=self._what
            )
        return bytes(piece[:came])


class Events:
    """The events of one YAML document. An alias is refused: what it stands for would count again with each.

    :raises yaml.YAMLError: also of each method: it is no YAML, or not what was asked for.
    """

    def __init__(self, source: Body | bytes) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(source, Loader=_LOADER)
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                return
        raise yaml.YAMLError("no document")

    def next(self) -> yaml.Event:
        """What comes next."""
        event = next(self._events, None)
        if event is None or isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("an alias, or the end")
        return event

    def entries(self, event: yaml.Event) -> Iterator[tuple[str, yaml.Event]]:
        """Keys of the mapping that begins with ``event``, each with the beginning of its value, which is to be read."""
        if not isinstance(event, yaml.MappingStartEvent):
            raise yaml.YAMLError("no mapping")
        while not isinstance(key := self.next(), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise yaml.YAMLError("a key that is no text")
            yield str(key.value), self.next()

    def items(self, event: yaml.Event) -> Iterator[yaml.Event]:
        """The beginning of each item of the list that begins with ``event``; each is to be read."""
        if not isinstance(event, yaml.SequenceStartEvent):
            raise yaml.YAMLError("no list")
        while not isinstance(item := self.next(), yaml.SequenceEndEvent):
            yield item

    def skip(self, event: yaml.Event) -> None:
        """Read the value that begins with ``event`` away."""
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return
            event = self.next()

    def value(self, event: yaml.Event, depth: int = 0) -> Any:
        """The value that begins with ``event``; every scalar is a text."""
        if depth > DEPTH:
            raise yaml.YAMLError("nested too deeply")
        if isinstance(event, yaml.MappingStartEvent):
            return {key: self.value(first, depth + 1) for key, first in self.entries(event)}
        if isinstance(event, yaml.SequenceStartEvent):
            return [self.value(first, depth + 1) for first in self.items(event)]
        return str(event.value) if isinstance(event, yaml.ScalarEvent) else ""
