"""The form of a scheduled sync."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.styled import StyledForm
from imageimport.forms.imports import PlatformsField
from imageimport.models import Credential, Schedule
from imageimport.models.schedule import MAX_DAYS, MAX_NEWEST
from projects.forms import ListField
from projects.models import Project

#: Cron lines that the form offers, each in words.
CRON_SAMPLES: Final = (
    ("0 * * * *", _("every hour")),
    ("0 */6 * * *", _("every 6 hours")),
    ("0 3 * * *", _("every day at 03:00")),
    ("0 3 * * 1", _("every Monday at 03:00")),
    ("0 3 1 * *", _("on the 1st of each month")),
)
ZONE_SAMPLES: Final = (
    "UTC", "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Asia/Kolkata",
    "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "America/Sao_Paulo",
    "Australia/Sydney",
)  # fmt: skip


class ScheduleForm(StyledForm):
    """What is kept in step, and when. Whether it holds is for :mod:`imageimport.schedules.services` to say."""

    image_url = forms.CharField(
        label=_("Image"),
        max_length=600,
        help_text=_("A repository or one of its tags, written as for an import."),
    )
    tags = ListField(
        label=_("Tags"),
        required=False,
        help_text=_(
            "Tags, patterns such as 1.2*, or version ranges such as semver:>=1.2 <2, separated by commas. Leave "
            "blank to use the tag of the image above."
        ),
    )
    exclude_tags = ListField(
        label=_("Exclude tags"),
        required=False,
        help_text=_("Written the same way. Matching tags are not synced."),
    )
    newest = forms.IntegerField(
        label=_("Only the newest"),
        required=False,
        min_value=1,
        max_value=MAX_NEWEST,
        help_text=_(
            "Of the tags that match a pattern, sync only this many, highest versions first. Leave blank for all."
        ),
    )
    min_age_days = forms.IntegerField(
        label=_("Minimum age in days"),
        required=False,
        min_value=1,
        max_value=MAX_DAYS,
        help_text=_(
            "Images that were created more recently wait for a later run. The creation date is the one that the "
            "image states."
        ),
    )
    target_name = forms.CharField(label=_("Target name"), required=False, max_length=255)
    credential = forms.ModelChoiceField(
        Credential.objects.none(), label=_("Saved credential"), required=False
    )
    platforms = PlatformsField(
        label=_("Platforms"),
        required=False,
        widget=forms.TextInput,
        help_text=_("Separated by commas. Leave blank for all."),
    )
    cron = forms.CharField(
        label=_("When"),
        max_length=120,
        help_text=_("Cron expression: minute, hour, day of month, month, day of week."),
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
        else:
            kwargs["initial"] = {"platforms": project.platforms}
        kwargs["initial"]["platforms"] = ", ".join(kwargs["initial"]["platforms"])
        super().__init__(*args, **kwargs)
        saved: Any = self.fields["credential"]
        saved.queryset = Credential.objects.filter(project=project).defer("password").order_by("name")
        saved.empty_label = _("None")
        saved.label_from_instance = lambda row: f"{row.name} · {row.registry}"
