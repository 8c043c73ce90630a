"""What a person types about routing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from routing.audit_forms import ReasonForm
from routing.decisions.plan import read_approvals

__all__ = ["FreezeForm", "PublishForm", "RollbackForm"]


class PublishForm(ReasonForm):
    """`approve` names what a person approves of, each as `routing.decisions.plan.read_approvals` has it. Whether
    that is what waits, publishing says."""

    def __init__(self, data: Any = None, *, approve: Sequence[str] = ()) -> None:
        super().__init__(data)
        self.approve = read_approvals(approve)


class FreezeForm(ReasonForm):
    """Freezes, or lifts what `seen` was shown of."""

    seen = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)


class RollbackForm(ReasonForm):
    to = forms.TypedChoiceField(coerce=int, label="Back to")
    field_order = ("to", "reason")

    def __init__(self, *args: Any, versions: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = versions  # type: ignore[attr-defined]  # a choice field
