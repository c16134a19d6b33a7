"""What a service raises when it does not do what was asked: raised with a code, answered in one place each.

The API answers in :func:`accounts.api.exceptions.handle`. Pages answer with :mod:`projects.views.answers`, and with
:class:`Refusal` where a refusal is only a part of what they show.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

from django.utils.translation import gettext, gettext_noop

from oci.errors import OciError
from oci.redaction import scrub

Params = Mapping[str, str | int | float]

#: Values that are words of ours, such as a severity: how a sentence says them, by the name of their place.
worded: Final[dict[str, Callable[[str], str]]] = {}


class Sentence(Protocol):
    """An error that says in a sentence what is wrong; the engine's (:class:`oci.errors.OciError`) does, too."""

    template: str
    params: dict[str, Any]


class ApplicationError(Exception):
    """What was asked for can't be done, or not now.

    :param code: stable, for programs; decides the HTTP status.
    :param template: a sentence for people, marked for translation, with named places for ``params``.
    :param retry_after: seconds until it may be asked for again.
    :param facts: what else the API's answer says, beside code and sentence.
    """

    def __init__(
        self,
        code: str,
        template: str,
        /,
        *,
        retry_after: float | None = None,
        facts: Mapping[str, Any] | None = None,
        **params: str | int | float,
    ) -> None:
        super().__init__(code, template)
        self.code = code
        self.template = template
        self.params = params
        self.retry_after = retry_after
        self.facts = dict(facts or {})

    def __str__(self) -> str:
        return self.template % self.params if self.params else self.template

    @property
    def detail(self) -> str:
        """The sentence in the active language."""
        return sentence_of(self)


class FieldErrors(Exception):
    """What is wrong with which field: ``{"image_url": ["…"]}``, in the active language."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__(errors)
        self.errors = {name: list(found) for name, found in errors.items()}

    @property
    def first(self) -> str:
        """The first of the sentences, for a place that shows only one."""
        return next(iter(self.errors.values()))[0]

    def for_programs(self) -> Mapping[str, Any]:
        """As the API answers."""
        return self.errors


#: What a service refuses with, and the engine below it.
Refused = ApplicationError | FieldErrors | OciError


class Refusal:
    """What was refused inside its ``with`` block, for a page that says so beside what else it shows.

    It is falsy, and ``detail`` empty, as long as nothing was. What is not raised on purpose passes through.
    """

    error: Refused | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> bool:
        if not isinstance(error, Refused):
            return False
        self.error = error
        return True

    def __bool__(self) -> bool:
        return self.error is not None

    @property
    def code(self) -> str:
        """As the API says it; ``invalid`` for a field."""
        return "invalid" if isinstance(self.error, FieldErrors) else getattr(self.error, "code", "")

    @property
    def detail(self) -> str:
        """One sentence in the active language."""
        if self.error is None:
            return ""
        return self.error.first if isinstance(self.error, FieldErrors) else sentence_of(self.error)

    @property
    def retry_after(self) -> float | None:
        """Seconds until the portal may be asked again; None: it is not the portal that has no time."""
        return self.error.retry_after if isinstance(self.error, ApplicationError) else None

    @property
    def facts(self) -> Mapping[str, Any]:
        """What else is known: :class:`ApplicationError`."""
        return self.error.facts if isinstance(self.error, ApplicationError) else {}


def sentence_of(error: Sentence) -> str:
    """What an error says, in the active language and without secrets."""
    return filled(error.template, error.params)


def _worded(name: str, value: str | float) -> str | float:
    """A value as a sentence says it in the active language."""
    if not isinstance(value, str):
        return value
    return worded[name](scrub(value)) if name in worded else scrub(value)


def filled(template: str, params: Params | None = None) -> str:
    """The sentence in the active language, with its values, without secrets."""
    sentence = gettext(template)
    if not params:
        return sentence
    values = {name: _worded(name, value) for name, value in params.items()}
    # What a registry said of its refusal follows after a colon, which is another sign in Chinese.
    if (detail := str(values.get("detail", ""))).startswith(": "):
        values["detail"] = gettext(": %(detail)s") % {"detail": detail.removeprefix(": ")}
    return sentence % values


def internal_error() -> OciError:
    """A defect of ours: people get an id, under which the caller logs what happened (``params["incident"]``)."""
    return OciError(
        "internal_error",
        gettext_noop("An unexpected error occurred. Incident ID for the administrator: %(incident)s."),
        incident=uuid.uuid4().hex[:12],
    )
