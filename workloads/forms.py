"""Forms of workloads' pages."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.labels import check_label
from accounts.styled import StyledForm
from imageimport.batches.parsing import MAX_CHARS
from projects.models import PROJECT_NAME
from workloads.clients.configurations import CLIENTS

_MAX_BYTES: Final = 4 * MAX_CHARS


class RewriteForm(StyledForm):
    """A manifest, pasted or as a file."""

    text = forms.CharField(
        label=gettext_lazy("Manifest"),
        required=False,
        strip=False,
        max_length=MAX_CHARS,
        widget=forms.Textarea(attrs={"rows": 14, "class": "mono", "spellcheck": "false", "wrap": "off"}),
        help_text=gettext_lazy("Kubernetes YAML, a Compose file, a kustomization or Helm values."),
    )
    file = forms.FileField(label=gettext_lazy("Or a file"), required=False)
    pin = forms.BooleanField(label=gettext_lazy("Pin images by digest"), required=False)
    import_missing = forms.BooleanField(
        label=gettext_lazy("Import the images that are missing"), required=False
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        upload = values.get("file")
        if isinstance(upload, UploadedFile):
            values["text"] = self._text_of(upload)
        if not values.get("text") and not self.errors:
            self.add_error("text", _("Paste a manifest, or choose a file."))
        return values

    def _text_of(self, upload: UploadedFile) -> str:
        if (upload.size or 0) > _MAX_BYTES:
            self.add_error("file", _("The text has more than %(limit)d characters.") % {"limit": MAX_CHARS})
            return ""
        try:
            return upload.read().decode("utf-8")
        except UnicodeDecodeError:
            self.add_error("file", _("The file isn't text in UTF-8."))
            return ""


class ClientsForm(StyledForm):
    """For which client, and which registries are taken from here."""

    client = forms.ChoiceField(
        label=gettext_lazy("Client"), choices=[(name, client.label) for name, client in CLIENTS.items()]
    )
    registries = forms.CharField(
        label=gettext_lazy("Registries"),
        required=False,
        max_length=2000,
        help_text=gettext_lazy("Registries whose images come from this project, separated by commas."),
    )

    def listed(self) -> list[str]:
        """The registries."""
        return str(self.cleaned_data["registries"]).replace("\n", ",").split(",")


class RobotNameForm(StyledForm):
    """The robot account that the configuration signs in with."""

    name = forms.CharField(
        label=gettext_lazy("Robot account"), max_length=60, validators=[PROJECT_NAME], initial="cluster"
    )


class ClusterForm(StyledForm):
    """A new cluster."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100, validators=[check_label])


class InventoryForm(StyledForm):
    """What runs in a cluster, as a file."""

    file = forms.FileField(
        label=gettext_lazy("Inventory"),
        help_text=gettext_lazy("The output of: kubectl get pods -A -o json. It may be compressed with gzip."),
    )
