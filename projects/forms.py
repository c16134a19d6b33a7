"""Forms of projects, their members and robots."""

from __future__ import annotations

import re
from typing import Any, Final

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.labels import check_label
from accounts.styled import Styled, StyledForm
from projects.bandwidth import MAX_BANDWIDTH, MIN_BANDWIDTH, parse_amount
from projects.hours import check_window
from projects.models import PROJECT_NAME, Project, RetentionRule, Robot, Role, Scanner

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


class ProjectForm(Styled, forms.ModelForm):
    """A new project."""

    class Meta:
        model = Project
        fields = ("name", "description", "visibility")
        labels = {
            "name": _("Project name"),
            "description": _("Description"),
            "visibility": _("Visibility"),
        }
        help_texts = {
            "name": _("Part of the address of every image, so it can't be changed later."),
        }
        widgets = {"visibility": forms.RadioSelect, "name": forms.TextInput(attrs={"autofocus": True})}


class ProjectDetailsForm(Styled, forms.ModelForm):
    """What an owner may change later."""

    class Meta:
        model = Project
        fields = ("description", "visibility", "language")
        labels = {
            "description": _("Description"),
            "visibility": _("Visibility"),
            "language": _("Language of messages"),
        }
        help_texts = {
            "language": _("For messages in chats and by email, unless a webhook has its own language.")
        }
        widgets = {"visibility": forms.RadioSelect}


class ProjectLimitsForm(StyledForm):
    """How fast and when imports may read, and which platforms; maintainers say so."""

    bandwidth = forms.CharField(
        label=_("Bytes per second"),
        required=False,
        max_length=30,
        help_text=_(
            "Limit for all imports of this project together, such as 20MB or 512KiB. Leave blank for no limit."
        ),
    )
    window = forms.CharField(
        label=_("Hours"),
        required=False,
        max_length=100,
        validators=[check_window],
        help_text=_(
            "When batches and scheduled syncs may transfer data, such as 22:00-06:00 Asia/Shanghai. Leave blank "
            "for any time."
        ),
    )

    platforms = ListField(
        label=_("Default platforms"),
        required=False,
        help_text=_(
            "For imports that don't name platforms themselves, such as linux/amd64, linux/arm64. Leave blank for all."
        ),
    )

    def clean_bandwidth(self) -> int | None:
        typed = str(self.cleaned_data["bandwidth"]).strip()
        try:
            found = parse_amount(typed) if typed else None
        except ValueError:
            found = 0
        if found is not None and not MIN_BANDWIDTH <= found <= MAX_BANDWIDTH:
            raise forms.ValidationError(
                gettext("Enter bytes per second, such as 20MB or 512KiB. The minimum is 1000.")
            )
        return found


class FirstPullForm(Styled, forms.ModelForm):
    """Whose pull of a missing image imports it, and how long its tag is fresh."""

    class Meta:
        model = Project
        fields = ("first_pull", "first_pull_fresh_seconds")
        labels = {
            "first_pull": _("Import missing images on pull"),
            "first_pull_fresh_seconds": _("Check tags again after (seconds)"),
        }
        help_texts = {
            "first_pull": _("Who can start an import by pulling. Anonymous pulls never start one."),
            "first_pull_fresh_seconds": _(
                "If the last check of a tag is older than this, a pull checks the source for a newer image. "
                "Enter 0 to check on each pull."
            ),
        }


class RetentionRuleForm(StyledForm):
    """A rule of clean-up. Whether it holds is for :mod:`projects.retention.rules` to say."""

    repositories = ListField(
        label=_("Repositories"),
        required=False,
        help_text=_(
            "Names inside the project, or patterns such as team/*, separated by commas. Leave blank for all."
        ),
    )
    tags = ListField(
        label=_("Tags"),
        required=False,
        help_text=_(
            "Tags, patterns such as 1.2*, or version ranges such as semver:>=1.2 <2, separated by commas. Leave "
            "blank for all."
        ),
    )
    keep_newest = forms.IntegerField(
        label=_("Keep the newest"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text=_("How many tags in each repository."),
    )
    order = forms.ChoiceField(label=_("Newest by"), choices=RetentionRule.Order.choices, required=False)
    keep_pulled_days = forms.IntegerField(
        label=_("Keep if pulled in the last (days)"), required=False, min_value=1, max_value=36_500
    )
    keep_pushed_days = forms.IntegerField(
        label=_("Keep if updated in the last (days)"), required=False, min_value=1, max_value=36_500
    )
    enabled = forms.BooleanField(label=_("Enabled"), required=False, initial=True)

    def clean_order(self) -> str:
        return str(self.cleaned_data["order"] or RetentionRule.Order.PUSHED)


class CleanUpClockForm(StyledForm):
    """When clean-up runs by itself, and how long one can undo it."""

    retention_cron = forms.CharField(
        label=_("Run on a schedule"),
        required=False,
        max_length=100,
        help_text=_("A cron expression such as 0 3 * * *. Leave blank to clean up by hand only."),
    )
    trash_days = forms.IntegerField(
        label=_("Days in the trash"),
        min_value=0,
        max_value=3650,
        help_text=_("How long a removed tag can be restored. 0 means not at all."),
    )


class ProtectedTagForm(StyledForm):
    """A pattern of tags that do not change."""

    pattern = forms.CharField(
        label=_("Pattern"),
        max_length=400,
        help_text=_("A name and a tag, where * stands for any characters: app:v*, *:stable, team/*:1.*"),
    )


class ConfirmForm(StyledForm):
    """Asks to type a name before something goes for good."""

    confirm = forms.CharField(required=False)

    def __init__(self, *args: Any, expected: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected
        self.fields["confirm"].label = gettext("Type %(name)s to confirm") % {"name": expected}
        self.fields["confirm"].widget.attrs |= {"autocomplete": "off", "autofocus": True}

    def clean_confirm(self) -> str:
        typed = str(self.cleaned_data["confirm"]).strip()
        if typed != self.expected:
            raise forms.ValidationError(
                gettext("This doesn't match the name: %(name)s") % {"name": self.expected}
            )
        return typed


class MemberForm(StyledForm):
    """Someone who joins, by user name."""

    username = forms.CharField(label=_("Username"), max_length=150)
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, names_owners: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = roles_to_give(names_owners)  # type: ignore[attr-defined]
        self.fields["role"].initial = Role.DEVELOPER
        self.fields["username"].widget.attrs["autocomplete"] = "off"

    def clean_username(self) -> User:
        name = str(self.cleaned_data["username"]).strip()
        user = User.objects.filter(username=name, is_active=True).first()
        if user is None:
            raise forms.ValidationError(gettext("User not found. Check the username."))
        return user


class GroupForm(StyledForm):
    """A group of the identity provider."""

    group = forms.CharField(
        label=_("Group"),
        max_length=255,
        help_text=_("Its name, exactly as the identity provider sends it."),
    )
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, names_owners: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = roles_to_give(names_owners)  # type: ignore[attr-defined]
        self.fields["role"].initial = Role.DEVELOPER


class RobotForm(StyledForm):
    """A robot account for CI or a cluster."""

    name = forms.CharField(label=_("Robot name"), max_length=60, validators=[PROJECT_NAME])
    access = forms.ChoiceField(label=_("Access"), choices=Robot.Access.choices)
    expires_in_days = forms.IntegerField(
        label=_("Expires in (days)"),
        required=False,
        min_value=1,
        max_value=3650,
        help_text=_("Leave blank for no expiry."),
    )


def roles_to_give(names_owners: bool) -> list[tuple[str, Any]]:
    """The roles that may be given; only owners name owners."""
    return [(role.value, role.label) for role in Role if names_owners or role != Role.OWNER]


class ScannerForm(StyledForm):
    """One scanner. For a change, an empty secret keeps the stored one."""

    name = forms.CharField(label=_("Name"), max_length=100, validators=[check_label])
    url = forms.CharField(
        label=_("URL"), max_length=1000, help_text=_("The address before /api/v1, such as http://trivy:8080")
    )
    kind = forms.ChoiceField(label=_("Sign-in"), choices=Scanner.Auth.choices)
    auth = forms.CharField(
        label=_("Secret"),
        required=False,
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("user:password, a token, or a key"),
    )
    enabled = forms.BooleanField(label=_("Enabled"), required=False, initial=True)
    scan_on_import = forms.BooleanField(
        label=_("Scan new images automatically"), required=False, initial=True
    )

    def __init__(self, *args: Any, scanner: Scanner | None = None, **kwargs: Any) -> None:
        if scanner is not None:
            names = ("name", "url", "enabled", "scan_on_import")
            kwargs["initial"] = {name: getattr(scanner, name) for name in names} | {"kind": scanner.auth_kind}
        super().__init__(*args, **kwargs)

    def values(self) -> dict[str, Any]:
        """What was typed, as :mod:`projects.scanning.services` takes it."""
        typed = self.cleaned_data
        auth = {"kind": typed["kind"], **({"value": typed["auth"]} if typed["auth"] else {})}
        names = ("name", "url", "enabled", "scan_on_import")
        return {**{name: typed[name] for name in names}, "auth": auth}
