"""What an admin sets of a bake-off, and where their reports go."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.dateparse import parse_datetime

from arena.errors import FieldError
from arena.models import User
from evals.bake_offs.rules import MOST_AT_A_TIME
from evals.bake_offs.services import BakeOffFields, save_bake_off, schedule_of, subscribe
from evals.collection.forms import AmountField, BudgetForm
from evals.collection.schedules import EVERY
from evals.collection.services import MOST_SAMPLES, MOST_WARM_UP_CALLS
from evals.models import BakeOff, Provider, TaskSet

__all__ = ["BakeOffForm", "StartForm", "SubscriptionForm"]

_NO_LIST = (Provider.Kind.REPLICATE, Provider.Kind.FAL, Provider.Kind.LLAMA_CPP, Provider.Kind.IMPORTED)
_PRICE = {"inputmode": "decimal", "autocomplete": "off"}


class BakeOffForm(BudgetForm):
    """Set up for one task set, or, with `bake_off`, changed."""

    task_set: forms.ModelChoiceField[TaskSet] = forms.ModelChoiceField(
        TaskSet.objects.all(), empty_label=None, help_text="Its newest version is asked each time."
    )
    every = forms.ChoiceField(choices=list(EVERY.items()), initial="W")
    first_at = forms.DateTimeField(
        required=False,
        label="First time, in UTC",
        help_text="Empty: now.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    contenders = forms.ChoiceField(
        choices=[(value, str(label).capitalize()) for value, label in BakeOff.Contenders.choices],
        initial=BakeOff.Contenders.SAME,
        help_text="The first time, those of the task set’s last run; without one, all.",
    )
    samples = forms.IntegerField(
        initial=1, min_value=1, max_value=MOST_SAMPLES, help_text="How often each contender answers each task."
    )
    warm_up_calls = forms.IntegerField(
        required=False,
        label="Warm-up calls",
        min_value=0,
        max_value=MOST_WARM_UP_CALLS,
        help_text="To each contender first, and not measured. Empty: one at local providers, none at hosted ones.",
    )
    newcomers_from: forms.ModelChoiceField[Provider] = forms.ModelChoiceField(
        Provider.objects.exclude(kind__in=_NO_LIST).order_by("slug"),
        required=False,
        empty_label="no provider",
        label="New models of",
        help_text="Its list is asked each time.",
    )
    include = forms.CharField(
        required=False,
        max_length=400,
        label="Only names like",
        help_text="Separated by commas; * stands for anything: gpt-*, o*-mini. Empty: every name.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    exclude = forms.CharField(
        required=False,
        max_length=400,
        label="No names like",
        help_text="Written the same way.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    most_usd_input = AmountField(
        required=False,
        label="Up to a price in, USD",
        help_text="For a million tokens. A model whose price is not known stays out.",
        widget=forms.TextInput(attrs=_PRICE),
    )
    most_usd_output = AmountField(
        required=False,
        label="Up to a price out, USD",
        help_text="For a million tokens, reasoning included.",
        widget=forms.TextInput(attrs=_PRICE),
    )
    most_newcomers = forms.IntegerField(
        initial=3,
        min_value=1,
        max_value=MOST_AT_A_TIME,
        label="At most",
        help_text="So many join at a time, in the order of the list; the others wait for the next time.",
    )
    only_newly_listed = forms.BooleanField(
        required=False,
        initial=True,
        label="Only models that are listed later than now",
        help_text="Off: models that are listed already, and that no contender asks, join as well.",
    )

    def __init__(self, *args: Any, bake_off: BakeOff | None = None, **kwargs: Any) -> None:
        if bake_off is not None:
            row = schedule_of(bake_off)
            names = [*BakeOffFields.__dataclass_fields__, "task_set"]
            kwargs["initial"] = {name: _as_typed(getattr(bake_off, name)) for name in names}
            kwargs["initial"]["every"] = row.schedule_type if row is not None else "W"
        super().__init__(*args, **kwargs)
        self.fields["allow_unknown_costs"].help_text = (
            "Off: a bake-off with a budget ends, or does not start, where a cost is not known. On: it goes on, and the "
            "budget counts only what is known."
        )
        self.fields["budget_usd"].help_text = "Of one time. It ends when this is spent, and its report says so."
        if bake_off is not None:
            self.fields["task_set"].disabled = True
            self.fields["first_at"].label = "Next time, in UTC"
            self.fields["first_at"].help_text = "Empty: as it is."

    def save(self, *, actor: str) -> BakeOff | None:  # type: ignore[override]  # of another thing
        """None if it is refused, with the reason among the form's errors."""
        given = self.cleaned_data
        fields = BakeOffFields(**{name: given[name] for name in BakeOffFields.__dataclass_fields__})
        try:
            return save_bake_off(
                task_set=given["task_set"],
                fields=fields,
                every=given["every"],
                first_at=given["first_at"],
                actor=actor,
            )
        except FieldError as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
            return None


def _as_typed(value: Any) -> Any:
    """An amount without the zeros that the database adds."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


class StartForm(forms.Form):
    """`asked_at` is when the page was made, so that a button pressed twice starts once."""

    asked_at = forms.CharField(max_length=40)

    def clean_asked_at(self) -> datetime:
        try:
            found = parse_datetime(self.cleaned_data["asked_at"])
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise forms.ValidationError("Start it from its page.")
        return found


class SubscriptionForm(forms.Form):
    """Empty: no e-mails."""

    address = forms.CharField(
        required=False,
        max_length=254,
        label="Your address",
        help_text="Empty: no e-mails.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def save(self, *, user: User) -> bool:
        try:
            subscribe(user=user, address=self.cleaned_data["address"])
        except FieldError as error:
            self.add_error("address", str(error))
            return False
        return True
