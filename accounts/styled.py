"""Forms as the pages show them: one look for every widget, errors tied to their fields."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.widgets import (
    CheckboxInput,
    CheckboxSelectMultiple,
    HiddenInput,
    PasswordInput,
    RadioSelect,
    Select,
)


class Styled:
    """Mixin for forms: classes of the stylesheet, no browser bubbles before the server has spoken."""

    fields: dict[str, forms.Field]
    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            dress(field)


class StyledForm(Styled, forms.Form):
    """A plain form in the pages' look."""


def dress(field: forms.Field) -> None:
    """Give a field's widget its class; for fields that a form gets later, too."""
    widget = field.widget
    if isinstance(widget, CheckboxInput | CheckboxSelectMultiple | RadioSelect | HiddenInput):
        return
    css = "form-select" if isinstance(widget, Select) else "form-control"
    widget.attrs["class"] = f"{css} {widget.attrs.get('class', '')}".strip()
    if isinstance(widget, PasswordInput):
        widget.render_value = False
        # Django's form for a new password pulls the page down to itself.
        widget.attrs.pop("autofocus", None)
    if not isinstance(widget, Select):
        widget.attrs.setdefault("autocapitalize", "none")
        widget.attrs.setdefault("spellcheck", "false")
