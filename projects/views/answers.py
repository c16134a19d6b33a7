"""How a project's pages answer: with a page inside the project, with a form, or with a refusal where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.exceptions import FieldErrors, Refusal, sentence_of
from projects.models import Project
from projects.views.decorators import current_rights, redirect_htmx, render_dialog


def render_project(
    request: HttpRequest,
    project: Project,
    template: str,
    context: dict[str, Any],
    *,
    tab: str = "",
    status: int = 200,
) -> HttpResponse:
    """A page or a fragment of the project, with what all of them need: ``project``, ``can`` and ``tab``."""
    whole = {"project": project, "can": current_rights(project), "tab": tab, **context}
    return render(request, template, whole, status=status)


def settings_of(project: Project, section: str) -> str:
    """The address of a section of the settings page."""
    return reverse("settings", args=[project.name]) + f"#{section}"


def edit_view(
    request: HttpRequest,
    form: Any,
    save: Callable[[], HttpResponse],
    *,
    template: str,
    context: dict[str, Any],
    back: str,
) -> HttpResponse:
    """A form in a dialog or on a page of its own.

    :param form: bound where the request is a post.
    :param save: does what the form says, and answers. What it refuses stands in the form then.
    :param back: where the way out leads.
    """
    if form.is_bound and form.is_valid():
        with Refusal() as refusal:
            return save()
        take(form, refusal)
    status = 422 if form.is_bound else 200
    return render_dialog(request, template, {"form": form, **context}, back=back, status=status)


def take(form: BaseForm, refusal: Refusal) -> None:
    """Put what a service refused under the fields that it is about, or above them all."""
    error = refusal.error
    if error is None:
        return
    errors = error.errors if isinstance(error, FieldErrors) else {"": [sentence_of(error)]}
    for name, found in errors.items():
        for sentence in found:
            form.add_error(name if name in form.fields else None, sentence)


def take_fields(form: BaseForm, refusal: Refusal) -> Refusal | None:
    """Put what was refused of fields under them. Gives what the page has to say itself; None: nothing."""
    if isinstance(refusal.error, FieldErrors):
        take(form, refusal)
        return None
    return refusal or None


def refusals_at(
    place: str, *, given: Collection[str] | None = None
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Tell the person why a service refused, on another page.

    :param place: the name of its address, or ``settings#section``.
    :param given: which of the view's own arguments the address takes, beside the project; None: all.
    """
    name, _, section = place.partition("#")

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def told(request: HttpRequest, *within: Project, **kwargs: Any) -> HttpResponse:
            with Refusal() as refusal:
                return view(request, *within, **kwargs)
            messages.error(request, refusal.detail)
            names = [project.name for project in within]
            own = [] if section else [kwargs[key] for key in kwargs if given is None or key in given]
            there = reverse(name, args=[*names, *own])
            return redirect_htmx(request, f"{there}#{section}" if section else there)

        return told

    return decorate
