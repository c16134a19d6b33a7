"""Forms of rules, of what a project says beside them, and of decisions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.labels import check_label
from accounts.styled import StyledForm
from imageimport.choices import Action
from imageimport.models import PolicyRule
from oci.contents.vulnerabilities import SEVERITIES
from oci.errors import OciError
from oci.spec.platform import Platform
from projects.bandwidth import parse_amount
from projects.models import Project
from projects.scanning.words import SEVERITY_WORDS

_BETWEEN: Final = re.compile(r"[,\s]+")
_PLAIN: Final = ("name", "action", "message", "position", "enabled")
_REQUIRED: Final = ("min_age_days", "min_seen_days", "max_severity")
_PATTERNS: Final = ("sources", "tags", "exclude_tags")
_SHOWN: Final = (*_REQUIRED, "max_bytes", "platforms", "signed_by")


class Lines(forms.CharField):
    """A text a line; spaces around and empty lines don't count."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the lines are others than those that were shown."""
        return self.to_python(data) != self.to_python(self.prepare_value(initial))


def _lines(label: Any, help_text: Any, sample: str) -> Lines:
    attrs = {"rows": 3, "class": "mono", "placeholder": sample}
    return Lines(label=label, required=False, help_text=help_text, widget=forms.Textarea(attrs=attrs))


class RuleForm(StyledForm):
    """One rule."""

    name = forms.CharField(label=_("Name"), max_length=100, validators=[check_label])
    action = forms.ChoiceField(label=_("Action"), choices=Action.choices)
    sources = _lines(
        _("Sources"), _("One pattern per line. Leave blank for all sources."), "docker.io/library/*"
    )
    tags = _lines(_("Tags"), _("One pattern per line. Leave blank for all tags."), "1.*")
    exclude_tags = _lines(_("Except tags"), _("One pattern per line."), "latest")
    message = forms.CharField(
        label=_("Message"),
        required=False,
        max_length=500,
        validators=[check_label],
        help_text=_("Shown to people whose import is refused or needs approval."),
    )
    max_bytes = forms.CharField(
        label=_("Maximum size"), required=False, max_length=30, help_text=_("Such as 500MB or 2GiB")
    )
    min_age_days = forms.IntegerField(
        label=_("Minimum age (days)"),
        required=False,
        min_value=0,
        max_value=36_500,
        help_text=_("Counted from when the image was created"),
    )
    min_seen_days = forms.IntegerField(
        label=_("Known here for at least (days)"),
        required=False,
        min_value=0,
        max_value=36_500,
        help_text=_("Counted from when the portal first saw the tag point to this digest"),
    )
    platforms = forms.CharField(
        label=_("Allowed platforms"),
        required=False,
        max_length=500,
        help_text=_("Such as linux/amd64, linux/arm64"),
    )
    max_severity = forms.ChoiceField(
        label=_("Worst vulnerability"),
        required=False,
        choices=[
            ("", _("Any, or not scanned")),
            *((name, SEVERITY_WORDS[name]) for name in SEVERITIES[:0:-1]),
        ],
        help_text=_("By a scan in this project, or in the one it is copied from"),
    )
    signed_by = forms.MultipleChoiceField(
        label=_("Signed by one of these"), required=False, widget=forms.CheckboxSelectMultiple
    )
    position = forms.IntegerField(
        label=_("Position"),
        required=False,
        min_value=1,
        max_value=100_000,
        help_text=_("Leave blank to add it at the end"),
    )
    enabled = forms.BooleanField(label=_("Enabled"), required=False, initial=True)

    def __init__(
        self, *args: Any, signers: Mapping[str, str], rule: PolicyRule | None = None, **kwargs: Any
    ) -> None:
        """:param signers: names of trusted signers by their ids."""
        self._rule = rule
        kept = rule.requires if rule is not None and isinstance(rule.requires, dict) else {}
        if rule is not None:
            initial = {name: getattr(rule, name) for name in (*_PLAIN, *_PATTERNS)}
            initial |= {name: kept.get(name) for name in _REQUIRED}
            size = kept.get("max_bytes")
            initial |= {
                "max_bytes": "" if size is None else str(size),
                "signed_by": _listed(kept, "signed_by"),
            }
            kwargs["initial"] = initial | {"platforms": ", ".join(_listed(kept, "platforms"))}
        super().__init__(*args, **kwargs)
        # What a rule says stays to choose from, or a form that is sent as it was shown would change it: a signer that
        # was deleted is still asked for, and an action that this version doesn't know still closes the door.
        asked = {each: gettext("a deleted signer") for each in _listed(kept, "signed_by")}
        self._offer("signed_by", {**asked, **signers})
        for name, choice in (
            ("action", rule.action if rule else ""),
            ("max_severity", kept.get("max_severity")),
        ):
            if choice:
                self._offer(name, {str(choice): str(choice)})

    def _offer(self, name: str, choices: Mapping[str, str]) -> None:
        """Add choices that a field doesn't have, before those that it has."""
        field: Any = self.fields[name]
        known = dict(field.choices)
        missing = [(value, label) for value, label in choices.items() if value not in known]
        field.choices = [*missing, *known.items()]

    def clean_max_bytes(self) -> int | None:
        typed = str(self.cleaned_data["max_bytes"]).strip()
        try:
            return parse_amount(typed) if typed else None
        except ValueError:
            raise forms.ValidationError(gettext("Enter a size such as 500MB or 2GiB.")) from None

    def clean_platforms(self) -> list[str]:
        found = [text for text in _BETWEEN.split(self.cleaned_data["platforms"]) if text]
        try:
            return [str(Platform.parse(text)) for text in found]
        except OciError:
            sentence = gettext("Enter platforms such as linux/amd64 or linux/arm64.")
            raise forms.ValidationError(sentence) from None

    def values(self) -> dict[str, Any]:
        """What was typed, of a rule that there is only what was changed; no position where none was typed. What the
        form doesn't show of the requirements stays.
        """
        typed = self.cleaned_data
        names = [name for name in typed if self._rule is None or name in self.changed_data]
        found = {name: typed[name] for name in names if name in (*_PLAIN, *_PATTERNS)}
        if not found.get("position"):
            found.pop("position", None)
        required = {name: typed[name] for name in names if name in _SHOWN}
        if not required:
            return found
        kept = self._rule.requires if self._rule is not None else {}
        return {**found, "requires": {**(kept if isinstance(kept, dict) else {}), **required}}


def _listed(kept: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts as a form shows it, whatever it is that a rule has there."""
    value = kept.get(name) or []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


class ProjectPolicyForm(StyledForm):
    """What a project says beside its rules; owners also say what becomes of images without a rule, and of one's own."""

    default_action = forms.ChoiceField(
        label=_("Images that no rule matches"), choices=Project.DefaultAction.choices
    )
    four_eyes = forms.BooleanField(
        label=_("Four eyes: requesters can't approve their own requests"), required=False
    )
    requests_from = forms.ChoiceField(label=_("Who can request approval"), choices=Project.Asker.choices)
    request_days = forms.IntegerField(label=_("Requests expire after (days)"), min_value=1, max_value=365)

    def __init__(self, *args: Any, project: Project, owns: bool, **kwargs: Any) -> None:
        names = ("default_action", "four_eyes", "requests_from", "request_days")
        kwargs["initial"] = {name: getattr(project, name) for name in names}
        super().__init__(*args, **kwargs)
        if not owns:
            del self.fields["default_action"], self.fields["four_eyes"]


class RejectForm(StyledForm):
    """Why not."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        validators=[check_label],
        help_text=_("The requester sees it."),
        widget=forms.TextInput(attrs={"autofocus": True}),
    )
