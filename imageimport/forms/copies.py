"""The form that gives chosen images another tag or project."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from accounts.styled import StyledForm
from projects.models import Project, Role
from projects.permissions import reaches
from projects.selectors import own_projects

#: Projects that the form offers.
MAX_OFFERED: Final = 200


class CopyForm(StyledForm):
    """Where the images go, under which tag."""

    project = forms.ModelChoiceField(Project.objects.none(), label=_("Project"), to_field_name="name")
    tag = forms.CharField(
        label=_("New tag"),
        required=False,
        max_length=128,
        widget=forms.TextInput(
            attrs={"class": "mono", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
        help_text=_("Leave blank to keep the tag of each image."),
    )
    overwrite = forms.BooleanField(label=_("Overwrite the tag if it exists"), required=False)

    def __init__(self, *args: Any, user: User, source: Project, **kwargs: Any) -> None:
        """:param source: the images' project, which stands first where ``user`` may import into it."""
        super().__init__(*args, **kwargs)
        importing = [role for role in Role if reaches(role, Role.DEVELOPER)]
        field: Any = self.fields["project"]
        field.queryset = own_projects(user).filter(role__in=importing)
        names = list(field.queryset.order_by("name").values_list("name", flat=True)[:MAX_OFFERED])
        names.sort(key=lambda name: name != source.name)
        field.choices = [(name, name) for name in names]

    @property
    def is_possible(self) -> bool:
        """Whether there is a project to copy to."""
        field: Any = self.fields["project"]
        return bool(field.choices)
