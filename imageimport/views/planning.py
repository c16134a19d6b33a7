"""What an import would do, without doing it; and whether its sign-in is accepted."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts.exceptions import Refusal
from imageimport.credentials import services as credentials
from imageimport.credentials.services import Tested
from imageimport.forms.imports import ImportForm
from imageimport.submission import planning as planner
from imageimport.submission import source_look, source_tags
from imageimport.submission.requests import prepare
from imageimport.submission.source_tags import Tags
from oci.errors import OciError
from projects.models import Image, Project, Role
from projects.views.decorators import come_back, current_rights, current_user, htmx_details, project_view

#: This often a page asks for its plan again by itself, where too much is asked at once.
MAX_TRIES = 6


@require_POST
@project_view(Role.DEVELOPER)
def plan(request: HttpRequest, project: Project) -> HttpResponse:
    """The *Plan* part of the form: sizes, what is here, what it would overwrite, what it costs."""
    form = ImportForm(request.POST, project=project)
    context: dict[str, Any] = {"project": project, "form": form, "can": current_rights(project)}
    if form.is_valid():
        with Refusal() as refusal:
            made = planner.make_plan(project=project, user=current_user(request), request=form.to_request())
            context |= {"plan": made.plan, "warnings": made.warnings, "task": made}
        if refusal:
            seconds = refusal.retry_after
            context |= {"problem": refusal.detail, "code": refusal.code, "retry_after": seconds}
            context["tried"] = _tried(request) if seconds is not None else None
    else:
        context["problem"] = _("Correct the marked fields first.")
    seconds = context.get("retry_after")
    if htmx_details(request):
        return come_back(render(request, "imageimport/_plan.html", context), seconds)
    whole = {**context, "plan_problem": context.pop("problem", "")}
    return come_back(render(request, "imageimport/import_new.html", whole), seconds)


def _tried(request: HttpRequest) -> int | None:
    """The number of the try that the page makes by itself; None: it leaves that to the reader now."""
    made = request.POST.get("tried", "0")
    number = int(made) + 1 if made.isdecimal() and len(made) < 3 else 1
    return number if number <= MAX_TRIES else None


@sensitive_post_parameters("password")
@require_POST
@project_view(Role.DEVELOPER)
def tags(request: HttpRequest, project: Project) -> HttpResponse:
    """The tags of the form's repository that are nearest to the one that was not found."""
    form = ImportForm(request.POST, project=project)
    again = form["again"].value()
    found = _tags(request, project, form)
    context = {
        "project": project,
        "form": form,
        "can": current_rights(project),
        "tags": found,
        "again": again,
    }
    template = "imageimport/_tags.html" if htmx_details(request) else "imageimport/import_new.html"
    return come_back(render(request, template, context), found.retry_after)


@sensitive_post_parameters("password")
@require_POST
@project_view(Role.DEVELOPER)
def offers(request: HttpRequest, project: Project) -> HttpResponse:
    """Tags that the form's repository has, by what is typed of one; which of them are here already."""
    form = ImportForm(_without_open_end(request.POST), project=project)
    context = {
        "project": project,
        "form": form,
        "can": current_rights(project),
        **_offers(request, project, form),
    }
    template = "imageimport/_offers.html" if htmx_details(request) else "imageimport/import_new.html"
    return come_back(render(request, template, context), context.get("offer_again"))


def _offers(request: HttpRequest, project: Project, form: ImportForm) -> dict[str, Any]:
    if not form.is_valid():
        return {"offer_problem": _("Correct the marked fields first.")}
    base, typed = _typed_tag(form.cleaned_data["image_url"])
    with Refusal() as refusal:
        found = source_tags.offered_tags(
            project=project,
            user=current_user(request),
            request=form.to_request(),
            search=typed,
            with_facts=True,
        )
    if refusal:
        return {"offer_problem": refusal.detail, "offer_again": refusal.retry_after}
    here = Image.objects.filter(project=project, repository=found.target_name, tag__in=found.tags)
    return {"offered": found, "offer_base": base, "here": set(here.values_list("tag", flat=True))}


@sensitive_post_parameters("password")
@require_POST
@project_view(Role.DEVELOPER)
def look(request: HttpRequest, project: Project) -> HttpResponse:
    """Whether the form's image is at its source, and what it would meet here: asked by the page itself once the typing
    rests."""
    form = ImportForm(request.POST, project=project)
    return render(request, "imageimport/_look.html", {"project": project, **_look(request, project, form)})


def _look(request: HttpRequest, project: Project, form: ImportForm) -> dict[str, Any]:
    """Nothing where the form says already what is wrong, or too much is asked at once; nor with a password for once,
    which may be half typed: some registries lock an account after a few wrong ones."""
    if not form.is_valid() or form.cleaned_data["username"] or form.cleaned_data["password"]:
        return {}
    with Refusal() as refusal:
        found = source_look.look_at_source(
            project=project, user=current_user(request), request=form.to_request()
        )
    if refusal:
        return {"problem": refusal.detail} if isinstance(refusal.error, OciError) else {}
    return {"look": found, "base": _typed_tag(form.cleaned_data["image_url"])[0]}


def _without_open_end(given: QueryDict) -> QueryDict:
    """``nginx:`` is where a tag is about to be typed."""
    asked = given.copy()
    asked["image_url"] = asked.get("image_url", "").strip().removesuffix(":")
    return asked


def _typed_tag(reference: str) -> tuple[str, str]:
    """The reference without its tag and digest, and the tag that was typed; empty: none."""
    text = reference.partition("@")[0]
    name, colon, tag = text.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (text, "")


def _tags(request: HttpRequest, project: Project, form: ImportForm) -> Tags:
    if not form.is_valid():
        return Tags(problem=_("Correct the marked fields first."))
    with Refusal() as refusal:
        return source_tags.nearest_tags(
            project=project, user=current_user(request), request=form.to_request()
        )
    return Tags(problem=refusal.detail, retry_after=refusal.retry_after)


@sensitive_post_parameters("password")
@require_POST
@project_view(Role.DEVELOPER)
def sign_in(request: HttpRequest, project: Project) -> HttpResponse:
    """The *Test* of the form: sign in at the source's registry with what the form says, and read nothing there."""
    form = ImportForm(request.POST, project=project)
    with Refusal() as refusal:
        tested = _tested(request, project, form)
    if refusal:
        tested = credentials.not_now(refusal)
    context = {"project": project, "form": form, "can": current_rights(project), "tested": tested}
    template = "imageimport/settings/_tested.html" if htmx_details(request) else "imageimport/import_new.html"
    return come_back(render(request, template, context), tested.retry_after)


def _tested(request: HttpRequest, project: Project, form: ImportForm) -> Tested:
    if not form.is_valid():
        return Tested(False, "invalid_reference", _("Correct the marked fields first."))
    wanted = form.to_request()
    # The same judgement as for an import: the source's address, and whose credential is for which registry.
    prepared = prepare(project=project, user=current_user(request), request=wanted)
    if wanted.credential is not None:
        return credentials.test(credential=wanted.credential, user=current_user(request))
    if not wanted.password:
        return Tested(
            False, "unauthorized", _("Enter a username and a password, or choose a saved credential.")
        )
    return credentials.check_sign_in(
        registry=prepared.task.source_registry,
        username=wanted.username,
        password=wanted.password,
        user=current_user(request),
    )
