"""The form of a bundle: which images, for which platforms, what the other side has, in files of which size."""

from __future__ import annotations

from typing import IO, Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.labels import check_label
from accounts.styled import StyledForm
from imageimport.bundles import receipts
from imageimport.bundles.selectors import matching
from imageimport.bundles.services import BundleRequest
from imageimport.forms.imports import PlatformsField
from imageimport.models import Bundle
from projects.bandwidth import parse_amount
from projects.models import Project

#: A receipt that is uploaded, bytes.
MAX_RECEIPT: Final = 32 * 1024 * 1024
#: Earlier bundles to choose from.
_BUNDLES: Final = 100


class BundleForm(StyledForm):
    """What a bundle is made of. Whether it holds is for :mod:`imageimport.bundles.services` to say."""

    images = forms.CharField(
        label=gettext_lazy("Images"),
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "placeholder": "nginx:1.27"}),
        help_text=gettext_lazy(
            "One image per line, as name:tag. * matches any characters; a name without a tag means all of its tags."
        ),
    )
    name = forms.CharField(
        label=gettext_lazy("Name"), required=False, max_length=100, validators=[check_label]
    )
    platforms = PlatformsField(
        label=gettext_lazy("Platforms"),
        required=False,
        widget=forms.TextInput,
        help_text=gettext_lazy("Separated by commas. Leave blank for all."),
    )
    include_referrers = forms.BooleanField(
        label=gettext_lazy("Include signatures and SBOMs"), required=False, initial=True
    )
    known_bundle = forms.ModelChoiceField(
        Bundle.objects.none(),
        label=gettext_lazy("Earlier bundle"),
        required=False,
        help_text=gettext_lazy("Content that this bundle already has is left out."),
    )
    receipt = forms.FileField(
        label=gettext_lazy("Receipt of the other side"),
        required=False,
        help_text=gettext_lazy("Content that the other portal already has is left out."),
    )
    volume_bytes = forms.CharField(
        label=gettext_lazy("Volume size"),
        required=False,
        max_length=30,
        help_text=gettext_lazy("For media of a given size, such as 4GB or 700MiB. Leave blank for one file."),
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._project = project
        bundles: Any = self.fields["known_bundle"]
        # A queryset that is cut can't be narrowed to the one that was chosen.
        newest = Bundle.objects.filter(project=project).order_by("-created_at", "-id")
        bundles.queryset = Bundle.objects.filter(pk__in=list(newest.values_list("pk", flat=True)[:_BUNDLES]))
        bundles.queryset = bundles.queryset.defer("document").order_by("-created_at", "-id")
        bundles.empty_label = gettext_lazy("No earlier bundle")
        self.known: frozenset[str] = frozenset()

    def clean_volume_bytes(self) -> int | None:
        """The amount in bytes."""
        text = self.cleaned_data["volume_bytes"].strip()
        if not text:
            return None
        try:
            return parse_amount(text)
        except ValueError:
            raise ValidationError(_("Enter an amount such as 4GB or 700MiB.")) from None

    def clean_receipt(self) -> None:
        """Reads the digests of the file into :attr:`known`."""
        file: IO[bytes] | None = self.cleaned_data["receipt"]
        if file is None:
            return
        body = file.read(MAX_RECEIPT + 1)
        try:
            self.known = receipts.parse_receipt(body if len(body) <= MAX_RECEIPT else b"").digests
        except ValueError as exc:
            raise ValidationError(str(exc)) from None

    def to_request(self) -> BundleRequest:
        """What the service is asked for."""
        typed = self.cleaned_data
        lines = [line.strip() for line in typed["images"].splitlines() if line.strip()]
        bundle = typed["known_bundle"]
        return BundleRequest(
            images=matching(self._project, lines),
            name=typed["name"],
            platforms=typed["platforms"],
            include_referrers=typed["include_referrers"],
            known=receipts.Known(bundle=bundle.pk if bundle else None, digests=self.known),
            volume_bytes=typed["volume_bytes"],
        )
