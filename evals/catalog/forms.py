"""A contender, as an editor types it; a provider, as an admin does."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet

from arena.errors import FieldError
from evals.catalog.presets import Preset
from evals.catalog.price_list import PRICES
from evals.catalog.queries.long_context import LENGTHS
from evals.catalog.services.contenders import ContenderFields, SavedContender, save_contender
from evals.catalog.services.long_context import MOST_TASKS, LongContextMade, make_long_context
from evals.catalog.services.providers import ProviderFields, save_provider
from evals.catalog.services.task_sets import TaskSetError
from evals.models import Contender, Provider, TaskSet

__all__ = ["ContenderForm", "LongContextForm", "ProbeForm", "ProviderForm"]

# Settings with a field of their own; the rest is typed as JSON.
_NAMED = ("system", "temperature", "max_tokens")


class PriceField(forms.DecimalField):
    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, min_value=0, max_digits=12, decimal_places=6, **options)


class ContenderForm(forms.Form):
    slug = forms.CharField(
        max_length=100,
        label="Short name",
        help_text="Letters, digits, dots, dashes and underscores. Ratings and tables use this name.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false"}),
    )
    provider: forms.ModelChoiceField[Provider] = forms.ModelChoiceField(Provider.objects.none(), empty_label=None)
    model_name = forms.CharField(
        max_length=255,
        label="Model",
        help_text="The provider's own id of the model.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "list": "models"}),
    )
    system = forms.CharField(
        required=False,
        max_length=20_000,
        strip=False,
        label="System prompt",
        help_text="Put before the task's own instructions.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    temperature = forms.FloatField(required=False, min_value=0, max_value=5, help_text="Empty: the provider's default.")
    max_tokens = forms.IntegerField(
        required=False, min_value=1, max_value=10_000_000, label="Longest answer, in tokens"
    )
    more = forms.CharField(
        required=False,
        max_length=20_000,
        label="More settings",
        help_text='JSON, sent unchanged with each request: {"top_p": 0.9, "seed": 7}',
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
    )
    tier = forms.IntegerField(
        min_value=0, max_value=99, initial=1, help_text="How capable you think it is: 1 small, 2 medium, 3 large."
    )
    capabilities = forms.CharField(
        required=False,
        max_length=400,
        help_text="Separated by commas: tools, json, vision. Only contenders with vision are asked about images.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false"}),
    )
    context_tokens = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1, label="Context, in tokens")
    usd_per_mtok_input = PriceField(
        label="USD per million tokens in",
        help_text="Empty: what the price list says, if it knows the model. 0: it costs nothing.",
    )
    usd_per_mtok_output = PriceField(label="USD per million tokens out")
    usd_per_mtok_cached_input = PriceField(
        label="Tokens in, read from the provider's cache", help_text="Empty: they cost what other tokens in do."
    )
    usd_per_mtok_cache_write = PriceField(
        label="Tokens in, written to the provider's cache", help_text="Empty: they cost what other tokens in do."
    )
    usd_per_mtok_reasoning = PriceField(
        label="Tokens out, spent on thinking", help_text="Empty: they cost what other tokens out do."
    )
    price_source = forms.CharField(
        required=False,
        max_length=255,
        label="Source of the prices",
        help_text="The address of a price page, or a note such as “our contract”.",
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )
    priced_at = forms.DateField(
        required=False,
        label="Prices checked on",
        help_text="Left as it is, it becomes today when a price changes. Prices older than 60 days are flagged.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, data: Any = None, *, contender: Contender | None = None, provider: str = "") -> None:
        self.contender = contender
        initial = (
            _initial_contender(contender) if contender else {"provider": Provider.objects.filter(slug=provider).first()}
        )
        super().__init__(data, initial=initial)
        if contender is not None:
            del self.fields["slug"]
        choice = self.fields["provider"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = askable_providers()
        choice.label_from_instance = _labelled  # type: ignore[method-assign]

    def clean_system(self) -> str:
        """With line ends as typed: browsers send them as CRLF, which would make every edit a new revision."""
        return str(self.cleaned_data["system"]).replace("\r\n", "\n")

    def clean_more(self) -> dict[str, Any]:
        text = self.cleaned_data["more"].strip()
        if not text:
            return {}
        try:
            more = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f'Not JSON: {error}. Write an object such as {{"top_p": 0.9}}.') from error
        if not isinstance(more, dict):
            raise forms.ValidationError('Write an object such as {"top_p": 0.9}.')
        for name in _NAMED:
            if name in more:
                raise forms.ValidationError(f"{name} has a field of its own above.")
        return more

    def clean_capabilities(self) -> tuple[str, ...]:
        words = [word.strip().lower() for word in self.cleaned_data["capabilities"].split(",")]
        return tuple(dict.fromkeys(word for word in words if word))

    def save(self) -> SavedContender | None:
        """What was saved; None if it was refused, with the error at its field."""
        data = dict(self.cleaned_data)
        named = {name: data.pop(name) for name in _NAMED}
        settings = {name: value for name, value in named.items() if value not in (None, "")}
        slug = data.pop("slug", "") if self.contender is None else self.contender.slug
        fields = ContenderFields(settings={**settings, **data.pop("more")}, **data)
        try:
            return save_contender(slug=slug, fields=fields, contender=self.contender)
        except FieldError as error:
            field = "more" if error.field == "settings" else error.field
            self.add_error(field if field in self.fields else None, str(error))
            return None


class ProbeForm(forms.Form):
    """What a test call asks."""

    prompt = forms.CharField(
        max_length=20_000,
        initial="In one sentence: what makes a good test question?",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


def _labelled(obj: Any) -> str:
    return f"{obj.name} ({obj.locality})"


def askable_providers() -> QuerySet[Provider]:
    return Provider.objects.exclude(kind=Provider.Kind.IMPORTED)


def _initial_contender(contender: Contender) -> dict[str, Any]:
    named = {name: contender.settings.get(name) for name in _NAMED}
    more = {name: value for name, value in contender.settings.items() if name not in _NAMED}
    return {
        **{name: getattr(contender, name) for name in ("provider", "model_name", *ContenderFields.FREE)},
        **named,
        **{name: _plain(getattr(contender, name)) for name in PRICES},
        "capabilities": ", ".join(contender.capabilities),
        "more": json.dumps(more, ensure_ascii=False, indent=2) if more else "",
    }


def _plain(price: Decimal | None) -> str:
    """2.500000 as 2.5."""
    return "" if price is None else f"{price.normalize():f}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


class ProviderForm(forms.Form):
    """The key is typed in and never shown again: `render_value` stays off, even after an error."""

    name = forms.CharField(max_length=120)
    slug = forms.CharField(
        max_length=80,
        label="Short name",
        help_text="Letters, digits, dashes and underscores. Used in addresses and files.",
    )
    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in Provider.Kind if kind != Provider.Kind.IMPORTED],
        initial=Provider.Kind.OPENAI,
        label="API",
        help_text="How the provider is asked. Most servers speak OpenAI's chat completions.",
    )
    base_url = forms.CharField(
        required=False,
        max_length=500,
        label="Address",
        help_text="Without the last part, such as /chat/completions: Arena adds it. Empty for a model file.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "inputmode": "url"}),
    )
    locality = forms.ChoiceField(
        choices=[
            (Provider.Locality.HOSTED, "Hosted: prompts leave your network"),
            (Provider.Locality.LOCAL, "Local: prompts stay on your own machines"),
        ],
        help_text="Task sets marked local only never reach a hosted provider.",
    )
    api_key = forms.CharField(
        required=False,
        max_length=4000,
        label="Key",
        widget=forms.PasswordInput(attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    forget_key = forms.BooleanField(required=False, label="Delete the stored key")
    api_key_env = forms.CharField(
        required=False,
        max_length=120,
        label="Or read the key from a variable",
        help_text="Its name, such as OPENAI_API_KEY. The web process and the workers need it in their environment.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false"}),
    )
    max_concurrency = forms.IntegerField(
        min_value=1, max_value=1000, initial=4, label="Requests at a time", help_text="In total, over all workers."
    )
    requests_per_minute = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        label="Requests a minute",
        help_text="As the provider allows. Empty: no limit.",
    )
    tokens_per_minute = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        label="Tokens a minute",
        help_text="Of prompts and answers together. Empty: no limit.",
    )
    first_token_timeout_s = forms.FloatField(
        min_value=0.1, max_value=3600, initial=60, label="Seconds to the first token"
    )
    total_timeout_s = forms.FloatField(min_value=0.1, max_value=7200, initial=300, label="Seconds in all")

    def __init__(self, data: Any = None, *, provider: Provider | None = None, preset: Preset | None = None) -> None:
        self.provider = provider
        super().__init__(data, initial=_initial_provider(provider, preset))
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
        """The saved provider; None if it was refused, with the error at its field."""
        data = dict(self.cleaned_data)
        typed, forget = data.pop("api_key").strip(), data.pop("forget_key", False)
        slug = data.pop("slug", "") if self.provider is None else self.provider.slug
        if typed and forget:
            self.add_error("forget_key", "A new key was typed. Either replace the key or delete it.")
            return None
        api_key = typed or ("" if forget else None)
        try:
            return save_provider(slug=slug, fields=ProviderFields(**data), api_key=api_key, provider=self.provider)
        except FieldError as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
            return None


def _initial_provider(provider: Provider | None, preset: Preset | None) -> dict[str, Any]:
    if provider is not None:
        return {name: getattr(provider, name) for name in ProviderFields.__dataclass_fields__}
    if preset is None:
        return {}
    return {
        "name": preset.name,
        "slug": preset.slug,
        "kind": preset.kind,
        "base_url": preset.base_url,
        "locality": preset.locality,
        "max_concurrency": preset.max_concurrency,
    }


class LongContextForm(forms.Form):
    """Which long prompts to make of a task set."""

    lengths = forms.CharField(
        max_length=100,
        initial=", ".join(str(length) for length in LENGTHS),
        label="Lengths",
        help_text="Tokens, separated by commas. Each prompt is about so long.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    tasks = forms.IntegerField(
        min_value=1,
        max_value=MOST_TASKS,
        initial=10,
        label="Tasks",
        help_text=f"At most {MOST_TASKS}, spread evenly over the task set. Each is asked three times at each length.",
    )

    def clean_lengths(self) -> list[int]:
        words = self.cleaned_data["lengths"].replace(",", " ").split()
        for word in words:
            if not (word.isascii() and word.isdigit() and len(word) < 10):
                raise forms.ValidationError(
                    f"“{word[:40]}” is not a number of tokens. Write whole numbers, such as 8000, 32000."
                )
        return [int(word) for word in words]

    def make(self, task_set: TaskSet) -> LongContextMade | None:
        """None if it is refused, with the reason among the form's errors."""
        try:
            return make_long_context(
                task_set=task_set, lengths=self.cleaned_data["lengths"], most_tasks=self.cleaned_data["tasks"]
            )
        except TaskSetError as error:
            self.add_error(None, str(error))
            return None
