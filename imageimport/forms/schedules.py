"""The form of a scheduled sync."""

from __future__ import annotations

import re
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.styled import StyledForm
from imageimport.forms.imports import PlatformsField
from imageimport.models import Credential, Schedule
from projects.models import Project

#: Cron lines that the form offers, each in words.
CRON_SAMPLES: Final = (
    ("0 * * * *", _("every hour")),
    ("0 */6 * * *", _("every six hours")),
    ("0 3 * * *", _("every night at three")),
    ("0 3 * * 1", _("every Monday at three")),
    ("0 3 1 * *", _("on the first of each month")),
)
ZONE_SAMPLES: Final = (
    "UTC", "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Asia/Kolkata",
    "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "America/Sao_Paulo",
    "Australia/Sydney",
)  # fmt: skip

_BETWEEN: Final = re.compile(r"[,\n]")


class ListField(forms.CharField):
    """Several rules in one line, separated by commas or line ends; each keeps its spaces."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return [part.strip() for part in _BETWEEN.split(str(value or "")) if part.strip()]

    def validate(self, value: Any) -> None:
        """Whether the rules hold is for the service to say."""

    def run_validators(self, value: Any) -> None:
        """As :meth:`validate`."""


class ScheduleForm(StyledForm):
    """What is kept in step, and when. Whether it holds is for :mod:`imageimport.schedules.services` to say."""

    image_url = forms.CharField(
        label=_("Image"), max_length=600, help_text=_("A repository or one of its tags, as for an import.")
    )
    tags = ListField(
        label=_("Tags"),
        required=False,
        help_text=_(
            "Names, globs like 1.2*, or semver:>=1.2 <2, separated by commas. Empty: the tag of the image."
        ),
    )
    exclude_tags = ListField(
        label=_("Except"), required=False, help_text=_("The same kinds of rules; what they match stays out.")
    )
    target_name = forms.CharField(label=_("Target name"), required=False, max_length=255)
    credential = forms.ModelChoiceField(
        Credential.objects.none(), label=_("Saved credential"), required=False
    )
    platforms = PlatformsField(
        label=_("Platforms"),
        required=False,
        widget=forms.TextInput,
        help_text=_("Separated by commas. Empty: all."),
    )
    cron = forms.CharField(
        label=_("When"),
        max_length=120,
        help_text=_("A cron line: minute, hour, day of month, month, day of week."),
        widget=forms.TextInput(attrs={"list": "cron-samples", "class": "mono", "placeholder": "0 3 * * *"}),
    )
    timezone = forms.CharField(
        label=_("Time zone"),
        max_length=64,
        initial="UTC",
        widget=forms.TextInput(attrs={"list": "zone-samples"}),
    )
    enabled = forms.BooleanField(label=_("Enabled"), required=False, initial=True)

    def __init__(self, *args: Any, project: Project, schedule: Schedule | None = None, **kwargs: Any) -> None:
        if schedule is not None:
            kwargs["initial"] = {name: getattr(schedule, name) for name in self.base_fields}
            kwargs["initial"]["platforms"] = ", ".join(schedule.platforms)
        super().__init__(*args, **kwargs)
        saved: Any = self.fields["credential"]
        saved.queryset = Credential.objects.filter(project=project).defer("password").order_by("name")
        saved.empty_label = _("None")
        saved.label_from_instance = lambda row: f"{row.name} · {row.registry}"
