"""Forms of publishing, freezing and rolling back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from routing.audit_forms import ReasonForm
from routing.decisions.plan import read_approvals

__all__ = ["FreezeForm", "PublishForm", "RollbackForm"]


class PublishForm(ReasonForm):
    """`approve` is what a person approves of, each as `routing.decisions.plan.read_approvals` reads it. `publish`
    checks whether it still waits for that."""

    def __init__(self, data: Any = None, *, approve: Sequence[str] = ()) -> None:
        super().__init__(data)
        self.approve = read_approvals(approve)


class FreezeForm(ReasonForm):
    """Freezes, or lifts the freeze. `seen` is the state that the page showed."""

    seen = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)


class RollbackForm(ReasonForm):
    to = forms.TypedChoiceField(coerce=int, label="Back to")
    field_order = ("to", "reason")

    def __init__(self, *args: Any, versions: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = versions  # type: ignore[attr-defined]  # a choice field
