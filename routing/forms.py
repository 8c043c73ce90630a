"""What a person types about routing."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from routing.policies import PolicyError

__all__ = ["PolicyForm", "ReasonForm", "RollbackForm"]


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        help_text="One sentence. Others read it in the history.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Write a reason: others will read why this was done."},
    )


class PublishForm(forms.Form):
    reason = forms.CharField(
        required=False,
        max_length=500,
        help_text="Left empty, the history tells what changed.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class RollbackForm(ReasonForm):
    to = forms.TypedChoiceField(coerce=int, label="Back to")
    field_order = ("to", "reason")

    def __init__(self, *args: Any, versions: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = versions  # type: ignore[attr-defined]  # a choice field


class PolicyForm(ReasonForm):
    document = forms.CharField(
        max_length=200_000,
        strip=False,
        help_text="JSON. What a category does not say, every_category says.",
        widget=forms.Textarea(attrs={"rows": 28, "class": "mono", "spellcheck": "false", "wrap": "off"}),
    )
    field_order = ("document", "reason")

    def clean_document(self) -> Any:
        """The parsed JSON; whether it is a policy, saving says."""
        text = self.cleaned_data["document"]
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise forms.ValidationError(
                f"Line {error.lineno}, column {error.colno}: this is no JSON ({error.msg})."
            ) from None
        except ValueError:
            raise forms.ValidationError("A number in this is too long to be read.") from None
        except RecursionError:
            raise forms.ValidationError("This is nested too deeply to be a policy.") from None

    def refuse(self, error: PolicyError) -> None:
        """Each wrong field on a line of its own."""
        for one in error.errors:
            self.add_error("document", str(one))
