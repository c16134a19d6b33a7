"""The import form, one for the dialog and for the page without scripts."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any, Final

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.labels import check_label
from accounts.styled import StyledForm
from imageimport.choices import TRANSPORTS_ASKED_FOR, Transport
from imageimport.models import Credential, ImportTask
from imageimport.submission.repairs import Repair
from imageimport.submission.requests import ImportRequest
from projects.models import Project

COMMON_PLATFORMS: Final = (
    "linux/amd64",
    "linux/arm64",
    "linux/arm/v7",
    "linux/386",
    "linux/ppc64le",
    "linux/s390x",
)
_BETWEEN: Final = re.compile(r"[,\s]+")
#: Sources that are offered again, and imports that are looked at for them.
_RECENT: Final = 10
_LOOKED_AT: Final = 100
_SAMPLE: Final = "nginx:latest"


class PlatformsField(forms.Field):
    """Ticked platforms and typed ones, all under one name; separated by commas or spaces."""

    widget = forms.SelectMultiple

    def to_python(self, value: Any) -> list[str]:
        texts = value if isinstance(value, list | tuple) else [value or ""]
        return [part for text in texts for part in _BETWEEN.split(str(text)) if part]


class ImportForm(StyledForm):
    """What an import is asked with. Whether it holds is for :mod:`imageimport.submission.requests` to say."""

    mode = forms.ChoiceField(choices=[("one", ""), ("many", "")], required=False)
    image_url = forms.CharField(label=_("Image URL"), required=False, strip=False)
    target_name = forms.CharField(label=_("Target name"), required=False)
    target_tag = forms.CharField(label=_("Target tag"), required=False)
    images = forms.CharField(label=_("List of images"), required=False, widget=forms.Textarea)
    batch_name = forms.CharField(
        label=_("Batch title"), required=False, max_length=200, validators=[check_label]
    )
    username = forms.CharField(label=_("Username"), required=False)
    password = forms.CharField(label=_("Password"), required=False, strip=False, widget=forms.PasswordInput)
    credential = forms.ModelChoiceField(
        Credential.objects.none(), label=_("Saved credential"), required=False
    )
    platforms = PlatformsField(label=_("Platforms"), required=False)
    overwrite = forms.BooleanField(label=_("Overwrite the tag if it exists"), required=False, initial=True)
    include_referrers = forms.BooleanField(
        label=_("Include signatures and SBOMs"), required=False, initial=True
    )
    transport = forms.ChoiceField(label=_("Transport"), required=False)
    #: The failed import that this one takes the place of.
    again = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, project: Project, repair: Repair | None = None, **kwargs: Any) -> None:
        """:param repair: of the failed import that is edited; fills the form and says where the cursor goes."""
        kwargs.setdefault("auto_id", "import-%s")
        kwargs.setdefault("initial", repair.initial if repair else {"platforms": project.platforms})
        super().__init__(*args, **kwargs)
        self.repair = repair
        self.project = project
        saved = Credential.objects.filter(project=project).defer("password").order_by("name")
        credential: Any = self.fields["credential"]
        credential.queryset = saved
        credential.empty_label = _("No saved credential")
        credential.label_from_instance = lambda row: f"{row.name} · {row.registry}"
        transport: Any = self.fields["transport"]
        transport.choices = [("", "")] + [(choice.value, choice.label) for choice in TRANSPORTS_ASKED_FOR]
        self.fields["image_url"].widget.attrs |= {
            "placeholder": _SAMPLE,
            "class": "form-control form-control-big mono",
            "autocomplete": "off",
        }
        self.fields[self.cursor].widget.attrs["autofocus"] = True
        for name in ("target_name", "target_tag", "username"):
            self.fields[name].widget.attrs["autocomplete"] = "off"
        self.fields["password"].widget.attrs["autocomplete"] = "new-password"
        self.fields["images"].widget.attrs |= {
            "rows": 7,
            "class": "form-control mono",
            "placeholder": "nginx:1.27\nghcr.io/owner/repo:v1\ndocker pull quay.io/prometheus/prometheus",
        }

    @property
    def is_many(self) -> bool:
        return self["mode"].value() == "many"

    @property
    def cursor(self) -> str:
        """The field that has the focus first."""
        changes = self.repair.changes if self.repair else ""
        if changes != "credentials":
            return changes or "image_url"
        return "credential" if self.initial.get("credential") else "username"

    @property
    def has_options(self) -> bool:
        """Whether what stands behind *Options* is other than usual, or wrong: then it is shown at once."""
        usual = bool(self["overwrite"].value()) and bool(self["include_referrers"].value())
        wrong = {"platforms", "overwrite", "include_referrers", "transport"} & set(self.errors)
        return bool(self._asked_platforms() or self["transport"].value() or wrong) or not usual

    @property
    def recent_sources(self) -> list[str]:
        """What the project imported last, each once, the newest first."""
        rows = ImportTask.objects.filter(project=self.project).exclude(transport=Transport.BUNDLE)
        newest = rows.order_by("-created_at", "-id").values_list("source_image", flat=True)[:_LOOKED_AT]
        return list(dict.fromkeys(filter(None, newest)))[:_RECENT]

    @cached_property
    def known_registries(self) -> list[str]:
        """Hosts of the project's saved credentials: what a reference may begin with."""
        rows = Credential.objects.filter(project=self.project).order_by("registry")
        return list(rows.values_list("registry", flat=True).distinct()[:_RECENT])

    @property
    def offers_docker(self) -> bool:
        return bool(settings.IMPORT_DOCKER_ENABLED)

    @property
    def platform_choices(self) -> list[tuple[str, bool]]:
        """Common platforms, and whether each is ticked."""
        ticked = self._asked_platforms()
        return [(name, name in ticked) for name in COMMON_PLATFORMS]

    @property
    def other_platforms(self) -> str:
        return ", ".join(name for name in self._asked_platforms() if name not in COMMON_PLATFORMS)

    def _asked_platforms(self) -> list[str]:
        if not self.is_bound:
            return list(self.initial.get("platforms", []))
        return PlatformsField().to_python(self["platforms"].data)

    def to_request(self) -> ImportRequest:
        """The fields as the services take them; for a form that is valid in itself."""
        cleaned = self.cleaned_data
        # Left as the project has it, it is no choice: what the pasted text names goes before it.
        is_default = cleaned["platforms"] == self.project.platforms
        return ImportRequest(
            image_url=cleaned["image_url"],
            target_name=cleaned["target_name"],
            target_tag=cleaned["target_tag"],
            username=cleaned["username"],
            password=cleaned["password"],
            credential=cleaned["credential"],
            platforms=None if is_default else cleaned["platforms"],
            overwrite=cleaned["overwrite"],
            transport=cleaned["transport"],
            include_referrers=cleaned["include_referrers"],
        )
