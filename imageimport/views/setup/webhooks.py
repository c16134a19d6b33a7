"""Webhooks: add, change, delete, and the log of their deliveries."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from imageimport.choices import WebhookEvent
from imageimport.forms.settings import WebhookForm
from imageimport.models import Webhook
from imageimport.webhooks import services as webhooks
from imageimport.webhooks.selectors import deliveries_of
from projects.models import Project, Role
from projects.views.answers import edit_view, refusals_at, render_project, settings_of
from projects.views.decorators import current_user, project_view, redirect_htmx
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
    page = page_of(request, deliveries_of(webhook).defer("payload"))
    labels = {**dict(WebhookEvent.choices), webhooks.TEST_EVENT: _("Test message")}
    for delivery in page.rows:
        delivery.event_label = labels.get(delivery.event, delivery.event)
    context = {"webhook": webhook, "page": page, "kept": []}
    return render_project(request, project, "imageimport/settings/webhook.html", context, tab="settings")


@require_POST
@project_view(Role.MAINTAINER)
@refusals_at("webhook", given=("webhook_id",))
def redeliver(request: HttpRequest, project: Project, webhook_id: UUID, delivery_id: UUID) -> HttpResponse:
    """Send an event once more."""
    webhook = _webhook(project, webhook_id)
    delivery = get_object_or_404(deliveries_of(webhook), pk=delivery_id)
    webhooks.redeliver(delivery=delivery, user=current_user(request))
    messages.success(request, _("The event will be sent again."))
    return redirect("webhook", project.name, webhook.pk)


@require_POST
@project_view(Role.MAINTAINER)
@refusals_at("webhook")
def test(request: HttpRequest, project: Project, webhook_id: UUID) -> HttpResponse:
    """Send it a message that only says that messages arrive."""
    webhook = _webhook(project, webhook_id)
    webhooks.send_test(webhook=webhook, user=current_user(request))
    messages.success(
        request, _("A test message is being sent. The list below shows the receiver's response.")
    )
    return redirect("webhook", project.name, webhook.pk)


@require_POST
@project_view(Role.MAINTAINER)
def delete(request: HttpRequest, project: Project, webhook_id: UUID) -> HttpResponse:
    """Take one away."""
    webhooks.delete(webhook=_webhook(project, webhook_id))
    messages.success(request, _("The webhook was deleted."))
    return redirect(settings_of(project, "webhooks"))


def _edit(request: HttpRequest, project: Project, webhook: Webhook | None) -> HttpResponse:
    form = WebhookForm(
        request.POST if request.method == "POST" else None, webhook=webhook, auto_id="webhook-%s"
    )
    back = settings_of(project, "webhooks")

    def save() -> HttpResponse:
        user = current_user(request)
        if webhook is None:
            webhooks.create(project=project, user=user, wanted=webhooks.NewWebhook(**form.cleaned_data))
        else:
            webhooks.update(webhook=webhook, changes=form.changes())
        messages.success(request, _("The webhook was saved."))
        return redirect_htmx(request, back)

    context = {"project": project, "webhook": webhook}
    return edit_view(
        request, form, save, template="imageimport/settings/webhook_form.html", context=context, back=back
    )


def _webhook(project: Project, webhook_id: UUID) -> Webhook:
    return get_object_or_404(Webhook.objects.filter(project=project).select_related("project"), pk=webhook_id)
