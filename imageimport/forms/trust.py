"""The form of a trust anchor."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.labels import check_label
from accounts.styled import StyledForm
from imageimport.models import TrustAnchor
from imageimport.policy.trust import NewTrust
from oci.signatures.keys import PEM_CHARS


class TrustForm(StyledForm):
    """A key, or an identity and who signs it in. What the other kind takes is left out."""

    name = forms.CharField(label=_("Name"), max_length=100, validators=[check_label])
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=TrustAnchor.Kind.choices,
        widget=forms.RadioSelect,
        initial=TrustAnchor.Kind.KEY,
    )
    public_key = forms.CharField(
        label=_("Public key"),
        required=False,
        max_length=PEM_CHARS,
        widget=forms.Textarea(
            attrs={"rows": 5, "placeholder": "-----BEGIN PUBLIC KEY-----", "class": "mono"}
        ),
        help_text=_("For a key: the content of cosign.pub"),
    )
    issuer = forms.CharField(
        label=_("Issuer"),
        required=False,
        max_length=500,
        help_text=_("For an identity: the OIDC issuer, such as https://token.actions.githubusercontent.com"),
    )
    identity = forms.CharField(
        label=_("Identity"),
        required=False,
        max_length=1000,
        help_text=_("An email address or a URI, exactly as in the certificate"),
    )
    identity_is_pattern = forms.BooleanField(
        label=_("The identity is a pattern: * stands for any characters, ? for one"), required=False
    )
    sources = forms.CharField(
        label=_("Images"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "docker.io/library/*", "class": "mono"}),
        help_text=_("Images that this signer signs, one pattern a line. Leave blank for all"),
    )

    def wanted(self) -> NewTrust:
        """What was typed, for the service."""
        typed = self.cleaned_data
        return NewTrust(**{**typed, "sources": typed["sources"].splitlines()})
