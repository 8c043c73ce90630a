"""The reason that a person gives for an act."""

from __future__ import annotations

from typing import Any

from django import forms

__all__ = ["ReasonForm"]


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        help_text="One sentence. Others read it in the history.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Write a reason: others will read why this was done."},
    )

    def __init__(self, *args: Any, needed: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = needed
