"""Forms of projects, their members and robots."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.styled import Styled, StyledForm
from projects.models import PROJECT_NAME, Project, Robot, Role

#: Said by page and API.
TOO_MANY_PROJECTS = _(
    "You have made %(limit)d projects, and may make no more. Ask the operator, or delete one."
)


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
            "name": _("Part of every image's address, so it can't be changed later."),
        }
        widgets = {"visibility": forms.RadioSelect, "name": forms.TextInput(attrs={"autofocus": True})}


class ProjectDetailsForm(Styled, forms.ModelForm):
    """What an owner may change later."""

    class Meta:
        model = Project
        fields = ("description", "visibility")
        labels = {"description": _("Description"), "visibility": _("Visibility")}
        widgets = {"visibility": forms.RadioSelect}


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
            raise forms.ValidationError(gettext("This is not the name: %(name)s") % {"name": self.expected})
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
            raise forms.ValidationError(gettext("There is no user of this name."))
        return user


class RobotForm(StyledForm):
    """A robot account for CI or a cluster."""

    name = forms.CharField(label=_("Robot name"), max_length=60, validators=[PROJECT_NAME])
    access = forms.ChoiceField(label=_("Access"), choices=Robot.Access.choices)
    expires_in_days = forms.IntegerField(
        label=_("Days until it expires"),
        required=False,
        min_value=1,
        max_value=3650,
        help_text=_("Empty: never."),
    )


def roles_to_give(names_owners: bool) -> list[tuple[str, Any]]:
    """The roles that may be given; only owners name owners."""
    return [(role.value, role.label) for role in Role if names_owners or role != Role.OWNER]
