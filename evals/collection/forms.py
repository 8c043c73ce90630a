"""Forms that start a run and change its budget."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import F, Max

from arena.models import User
from evals.collection.queries.estimates import Estimate
from evals.collection.services import (
    MOST_SAMPLES,
    MOST_WARM_UP_CALLS,
    RunError,
    change_budget,
    estimate,
    start_run,
)
from evals.models import Contender, Run, TaskSetVersion

__all__ = ["AmountField", "BudgetForm", "RunForm", "newest_versions"]

_AMOUNT = "Write the amount in digits, as 40 or 12.50; leave it empty for no limit."


def newest_versions() -> list[TaskSetVersion]:
    """The newest version of each task set, by slug."""
    versions = TaskSetVersion.objects.annotate(newest=Max("task_set__versions__n")).filter(n=F("newest"))
    return list(versions.select_related("task_set").order_by("task_set__slug"))


class AmountField(forms.DecimalField):
    """Its error quotes the value as typed."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(str(value).strip().removeprefix("$") if value else value)
        except forms.ValidationError as error:
            raise forms.ValidationError(f"“{str(value)[:40]}” is not an amount. {_AMOUNT}", code="invalid") from error


class BudgetForm(forms.Form):
    """Empty: no limit."""

    budget_usd = AmountField(
        required=False,
        label="Budget in USD",
        help_text="The run pauses when this is spent.",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    allow_unknown_costs = forms.BooleanField(
        required=False,
        label="Allow unknown costs",
        help_text="Off: a run with a budget is refused, or pauses, where a cost is not known. On: it goes on, and the "
        "budget counts only what is known.",
    )

    def save(self, *, run: Run) -> bool:
        """False if the amount is refused, with the reason among the form's errors."""
        try:
            change_budget(
                run=run,
                budget_usd=self.cleaned_data["budget_usd"],
                allow_unknown_costs=self.cleaned_data["allow_unknown_costs"],
            )
        except RunError as error:
            self.add_error("budget_usd", str(error))
            return False
        return True


class RunForm(BudgetForm):
    version = forms.ChoiceField(label="Task set", help_text="The newest version is used.")
    contenders = forms.MultipleChoiceField(
        label="Contenders",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one contender; voting needs answers by two."},
    )
    samples = forms.IntegerField(
        label="Samples",
        initial=1,
        min_value=1,
        max_value=MOST_SAMPLES,
        help_text="How often each contender answers each task.",
    )
    fresh = forms.BooleanField(
        required=False,
        label="Ask afresh",
        help_text="Off: existing answers are linked, only missing ones are asked for. On: all are asked for again.",
    )

    warm_up_calls = forms.IntegerField(
        required=False,
        label="Warm-up calls",
        min_value=0,
        max_value=MOST_WARM_UP_CALLS,
        help_text="To each contender first, and not measured. Empty: one at local providers, none at hosted ones.",
    )

    field_order = [
        "version", "contenders", "samples", "fresh", "warm_up_calls", "budget_usd", "allow_unknown_costs",
    ]  # fmt: skip

    def __init__(self, *args: Any, versions: list[TaskSetVersion], offered: list[Contender], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._versions = {version.task_set.slug: version for version in versions}
        self._contenders = {contender.slug: contender for contender in offered}
        self._choices("version", [(slug, f"{slug}, version {v.n}") for slug, v in self._versions.items()])
        self._choices("contenders", [(slug, slug) for slug in self._contenders])

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def start(self, *, started_by: User) -> Run | None:
        """None if the run cannot be started that way, with the reason among the form's errors."""
        try:
            return start_run(**self._options(), started_by=started_by)
        except RunError as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
            return None

    def estimate(self) -> Estimate | None:
        """What the run would ask, cost and take; None while the form is not complete."""
        return estimate(**self._options()) if self.is_valid() else None

    def _options(self) -> dict[str, Any]:
        chosen = self.cleaned_data
        budget: Decimal | None = chosen["budget_usd"]
        return {
            "version": self._versions[chosen["version"]],
            "contenders": [self._contenders[slug] for slug in chosen["contenders"]],
            "samples": chosen["samples"],
            "fresh": chosen["fresh"],
            "budget_usd": budget,
            "allow_unknown_costs": chosen["allow_unknown_costs"],
            "warm_up_calls": chosen["warm_up_calls"],
        }
