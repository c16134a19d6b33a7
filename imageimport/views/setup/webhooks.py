"""Webhooks: add, change, delete, and the log of their deliveries."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from imageimport.choices import WebhookEvent
from imageimport.exceptions import FieldErrors, Refused
from imageimport.forms.settings import WebhookForm
from imageimport.models import Webhook
from imageimport.views.setup.members import settings_of
from imageimport.webhooks import services as webhooks
from projects.models import Project, Role
from projects.views.decorators import asked, go, project_view, rights_in, user_of
from projects.views.pagination import page_of


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """Tell another system of what happens here."""
    return _edit(request, project, None)


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def edit(request: HttpRequest, project: Project, webhook_id: UUID) -> HttpResponse:
    """Change one."""
    return _edit(request, project, _webhook(project, webhook_id))


@require_GET
@project_view(Role.MAINTAINER)
def deliveries(request: HttpRequest, project: Project, webhook_id: UUID) -> HttpResponse:
    """What was sent, and what the other side answered."""
    webhook = _webhook(project, webhook_id)
    page = page_of(request, webhooks.deliveries_of(webhook).defer("payload"))
    labels = dict(WebhookEvent.choices)
    for delivery in page.rows:
        delivery.event_label = labels.get(delivery.event, delivery.event)
    context = {
        "project": project,
        "can": rights_in(project),
        "tab": "settings",
        "webhook": webhook,
        "page": page,
        "kept": [],
    }
    return render(request, "imageimport/settings/webhook.html", context)


@require_POST
@project_view(Role.MAINTAINER)
def redeliver(request: HttpRequest, project: Project, webhook_id: UUID, delivery_id: UUID) -> HttpResponse:
    """Send an event once more."""
    webhook = _webhook(project, webhook_id)
    delivery = get_object_or_404(webhooks.deliveries_of(webhook), pk=delivery_id)
    webhooks.redeliver(delivery=delivery, user=user_of(request), audit_request=request)
    messages.success(request, _("It is sent again."))
    return redirect("webhook", project.name, webhook.pk)


@require_POST
@project_view(Role.MAINTAINER)
def delete(request: HttpRequest, project: Project, webhook_id: UUID) -> HttpResponse:
    """Take one away."""
    webhooks.delete(webhook=_webhook(project, webhook_id), user=user_of(request), audit_request=request)
    messages.success(request, _("The webhook was deleted."))
    return redirect(settings_of(project, "webhooks"))


def _edit(request: HttpRequest, project: Project, webhook: Webhook | None) -> HttpResponse:
    form = WebhookForm(
        request.POST if request.method == "POST" else None, webhook=webhook, auto_id="webhook-%s"
    )
    back = settings_of(project, "webhooks")
    if request.method == "POST" and form.is_valid():
        user = user_of(request)
        try:
            if webhook is None:
                webhooks.create(project=project, user=user, audit_request=request, **form.cleaned_data)
            else:
                webhooks.update(webhook=webhook, user=user, changes=form.changes(), audit_request=request)
        except FieldErrors as exc:
            for name, sentences in exc.errors.items():
                form.add_error(name if name in form.fields else None, sentences)
        except Refused as exc:
            form.add_error(None, exc.detail)
        else:
            messages.success(request, _("The webhook is saved."))
            return go(request, back)
    context = {"form": form, "project": project, "webhook": webhook}
    status = 422 if form.is_bound else 200
    return asked(request, "imageimport/settings/webhook_form.html", context, back=back, status=status)


def _webhook(project: Project, webhook_id: UUID) -> Webhook:
    return get_object_or_404(Webhook.objects.filter(project=project).select_related("project"), pk=webhook_id)
