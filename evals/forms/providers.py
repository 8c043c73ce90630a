"""A provider, as an admin types it."""

from __future__ import annotations

from typing import Any

from django import forms

from evals.models import Provider
from evals.services.contenders.presets import Preset
from evals.services.contenders.providers import ProviderFields, save_provider
from evals.services.fields import FieldError

__all__ = ["ProviderForm"]


class ProviderForm(forms.Form):
    """The key is typed into it and never comes back out: `render_value` stays off, also after an error."""

    name = forms.CharField(max_length=120)
    slug = forms.CharField(
        max_length=80,
        label="Short name",
        help_text="Letters, digits, dashes and underscores. It stands in addresses and files.",
    )
    base_url = forms.CharField(
        max_length=500,
        label="Address",
        help_text="Without the last part: Arena adds /chat/completions.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "inputmode": "url"}),
    )
    locality = forms.ChoiceField(
        choices=[
            (Provider.Locality.HOSTED, "Hosted: prompts leave the house"),
            (Provider.Locality.LOCAL, "Local: prompts stay on our own machines"),
        ],
        help_text="Task sets marked local only never reach a hosted provider.",
    )
    api_key = forms.CharField(
        required=False,
        max_length=4000,
        label="Key",
        widget=forms.PasswordInput(attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    forget_key = forms.BooleanField(required=False, label="Forget the stored key")
    api_key_env = forms.CharField(
        required=False,
        max_length=120,
        label="Or read the key from a variable",
        help_text="Its name, such as OPENAI_API_KEY. Web and workers need it in their environment.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false"}),
    )
    max_concurrency = forms.IntegerField(
        min_value=1, max_value=1000, initial=4, label="Requests at a time", help_text="Over all workers together."
    )
    first_token_timeout_s = forms.FloatField(
        min_value=0.1, max_value=3600, initial=60, label="Seconds to the first token"
    )
    total_timeout_s = forms.FloatField(min_value=0.1, max_value=7200, initial=300, label="Seconds in all")

    def __init__(self, data: Any = None, *, provider: Provider | None = None, preset: Preset | None = None) -> None:
        self.provider = provider
        super().__init__(data, initial=_initial(provider, preset))
        stored = provider is not None and bool(provider.api_key_encrypted)
        if provider is not None:
            del self.fields["slug"]
        if not stored:
            del self.fields["forget_key"]
        self.fields["api_key"].help_text = (
            "A key is stored. Type a new one to replace it; it is not shown again."
            if stored
            else "Stored encrypted and not shown again. Leave it empty if none is needed."
        )

    def save(self) -> Provider | None:
        """The saved provider, or None with the reason at its field."""
        data = dict(self.cleaned_data)
        typed, forget = data.pop("api_key").strip(), data.pop("forget_key", False)
        slug = data.pop("slug", "") if self.provider is None else self.provider.slug
        if typed and forget:
            self.add_error("forget_key", "A new key was typed. Either replace the key or forget it.")
            return None
        api_key = typed or ("" if forget else None)
        try:
            return save_provider(slug=slug, fields=ProviderFields(**data), api_key=api_key, provider=self.provider)
        except FieldError as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
            return None


def _initial(provider: Provider | None, preset: Preset | None) -> dict[str, Any]:
    if provider is not None:
        return {name: getattr(provider, name) for name in ProviderFields.__dataclass_fields__}
    if preset is None:
        return {}
    return {
        "name": preset.name,
        "slug": preset.slug,
        "base_url": preset.base_url,
        "locality": preset.locality,
        "max_concurrency": preset.max_concurrency,
    }
