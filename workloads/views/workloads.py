"""What runs elsewhere: manifests pointed here, clients' configurations, clusters."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.exceptions import FieldErrors, Refusal
from projects import services as project_services
from projects.models import Project, Role
from projects.views.answers import edit_view, refusals_at, render_project, take
from projects.views.decorators import current_rights, current_user, project_view
from workloads.clients import services as clients
from workloads.clients.configurations import Account
from workloads.clusters import services as clusters
from workloads.clusters.inventory import read_inventory
from workloads.clusters.selectors import STATES, clusters_of, images_of, summary_of
from workloads.forms import ClientsForm, ClusterForm, InventoryForm, RewriteForm, RobotNameForm
from workloads.models import Cluster
from workloads.rewriting.services import rewrite

#: Rows of a cluster's page; the API has them all.
SHOWN: Final = 500


@require_GET
@project_view(Role.VIEWER)
def overview(request: HttpRequest, project: Project) -> HttpResponse:
    """The project's clusters, and the ways to what is not a cluster."""
    context = {"clusters": clusters_of(project)}
    return render_project(request, project, "workloads/overview.html", context, tab="workloads")


@require_http_methods(["GET", "POST"])
@project_view(Role.VIEWER)
def rewrite_page(request: HttpRequest, project: Project) -> HttpResponse:
    """A manifest in, the same pointing here out."""
    posted = request.method == "POST"
    form = RewriteForm(request.POST if posted else None, request.FILES if posted else None)
    done = None
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        if values["import_missing"] and not current_rights(project).develop:
            raise PermissionDenied
        user = current_user(request) if values["import_missing"] else None
        with Refusal() as refusal:
            done = rewrite(project=project, text=values["text"], pin=values["pin"], user=user)
        take(form, refusal)
    context = {"form": form, "done": done}
    return render_project(
        request,
        project,
        "workloads/rewrite.html",
        context,
        tab="workloads",
        status=422 if form.is_bound and done is None else 200,
    )


@never_cache
@require_http_methods(["GET", "POST"])
@project_view(Role.VIEWER)
def client_config(request: HttpRequest, project: Project) -> HttpResponse:
    """A client's configuration; a maintainer may have a robot account made for it, whose secret is shown this once."""
    usual = {"client": clients.DEFAULT, "registries": ", ".join(clients.USUAL)}
    asks = request.POST if request.method == "POST" else request.GET
    form = ClientsForm({name: asks.get(name, value) for name, value in usual.items()})
    robot_form = RobotNameForm(request.POST if request.method == "POST" else None)
    text, account = "", None
    if form.is_valid():
        with Refusal() as refusal:
            text = _configuration(project, form, None)
            if request.method == "POST" and robot_form.is_valid():
                account = _new_robot(request, project, robot_form)
                text = _configuration(project, form, account)
        error = refusal.error
        is_name = isinstance(error, FieldErrors) and "name" in error.errors
        take(robot_form if is_name else form, refusal)
    context = {"form": form, "robot_form": robot_form, "text": text, "account": account}
    return render_project(request, project, "workloads/clients.html", context, tab="workloads")


@require_POST
@project_view(Role.MAINTAINER)
def full_names(request: HttpRequest, project: Project) -> HttpResponse:
    """New imports get full names from now on."""
    changes = {"naming": Project.Naming.FULL}
    project_services.update_project(project=project, changes=changes)
    messages.success(request, _("New imports get full names, such as docker.io/library/nginx."))
    return redirect("client-config", project.name)


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def add_cluster(request: HttpRequest, project: Project) -> HttpResponse:
    """Add a cluster; its page says how its inventory gets here."""
    form = ClusterForm(request.POST if request.method == "POST" else None, auto_id="cluster-%s")

    def save() -> HttpResponse:
        made = clusters.create(project=project, user=current_user(request), name=form.cleaned_data["name"])
        return redirect("cluster", project.name, made.pk)

    back = reverse("workloads", args=[project.name])
    return edit_view(
        request, form, save, template="workloads/cluster_form.html", context={"project": project}, back=back
    )


@require_GET
@project_view(Role.VIEWER)
def cluster(request: HttpRequest, project: Project, cluster_id: UUID) -> HttpResponse:
    """What it runs, and what of it is here."""
    row = _cluster(project, cluster_id)
    images = images_of(row)
    state = request.GET.get("state", "")
    chosen = [each for each in images if each.state == state] if state in STATES else images
    context = {
        "cluster": row,
        "summary": summary_of(row, images),
        "images": chosen[:SHOWN],
        "more": max(0, len(chosen) - SHOWN),
        "state": state,
        "form": InventoryForm(),
        "command": _command(request, row),
    }
    return render_project(request, project, "workloads/cluster.html", context, tab="workloads")


@require_POST
@project_view(Role.DEVELOPER)
@refusals_at("cluster")
def send_inventory(request: HttpRequest, project: Project, cluster_id: UUID) -> HttpResponse:
    """An inventory as a file."""
    row = _cluster(project, cluster_id)
    form = InventoryForm(request.POST, request.FILES)
    if not form.is_valid():
        raise FieldErrors({"file": [_("Choose a file.")]})
    upload = form.cleaned_data["file"]
    gzipped = upload.read(2) == b"\x1f\x8b"
    upload.seek(0)
    found = read_inventory(upload, gzipped=gzipped)
    clusters.take_inventory(cluster=row, inventory=found)
    messages.success(request, _("The inventory was read."))
    return redirect("cluster", project.name, row.pk)


@require_POST
@project_view(Role.DEVELOPER)
@refusals_at("cluster")
def import_missing(request: HttpRequest, project: Project, cluster_id: UUID) -> HttpResponse:
    """One batch of what is missing."""
    begun = clusters.import_images(cluster=_cluster(project, cluster_id), user=current_user(request))
    for each in begun.skipped:
        messages.warning(request, f"{each.image}: {each.detail}")
    if begun.batch is None:
        return redirect("cluster", project.name, cluster_id)
    return redirect("batch", project.name, begun.batch.pk)


@require_POST
@project_view(Role.MAINTAINER)
def remove_cluster(request: HttpRequest, project: Project, cluster_id: UUID) -> HttpResponse:
    """Forget a cluster."""
    row = _cluster(project, cluster_id)
    clusters.delete(cluster=row)
    messages.success(request, _("The cluster %(name)s was removed.") % {"name": row.name})
    return redirect("workloads", project.name)


def _cluster(project: Project, cluster_id: UUID) -> Cluster:
    return get_object_or_404(clusters_of(project), pk=cluster_id)


def _command(request: HttpRequest, row: Cluster) -> str:
    """Sends the inventory by hand; deploy/kubernetes/inventory has the same as a CronJob."""
    where = request.build_absolute_uri(
        reverse("workload-cluster-inventory", kwargs={"project_id": row.project_id, "cluster_id": row.pk})
    )
    return (
        "kubectl get pods -A -o json | gzip | curl --fail --data-binary @- --header 'Content-Encoding: gzip'"
        f" --header 'Content-Type: application/json' --user 'robot${row.project.name}+ROBOT:SECRET' '{where}'"
    )


def _configuration(project: Project, form: ClientsForm, account: Account | None) -> str:
    chosen = [form.cleaned_data["client"]]
    return clients.make(project=project, clients=chosen, registries=form.listed(), account=account)


def _new_robot(request: HttpRequest, project: Project, form: RobotNameForm) -> Account:
    if not current_rights(project).maintain:
        raise PermissionDenied
    return clients.new_robot(project=project, by=current_user(request), name=form.cleaned_data["name"])
