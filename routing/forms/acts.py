"""What a person types about routing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from routing.deciding.approvals import read
from routing.policies import PolicyError
from routing.policies.text import LONGEST, PolicyTextError, read_text

__all__ = ["FreezeForm", "PinForm", "PolicyDocumentForm", "PublishForm", "ReasonForm", "RollbackForm"]


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


class PublishForm(ReasonForm):
    """`approve` names what a person approves of, each as `routing.deciding.approvals.read` has it. Whether
    that is what waits, publishing says."""

    def __init__(self, data: Any = None, *, approve: Sequence[str] = ()) -> None:
        super().__init__(data)
        self.approve = read(approve)


class FreezeForm(ReasonForm):
    """Freezes, or lifts what `seen` was shown of."""

    seen = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)


class RollbackForm(ReasonForm):
    to = forms.TypedChoiceField(coerce=int, label="Back to")
    field_order = ("to", "reason")

    def __init__(self, *args: Any, versions: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = versions  # type: ignore[attr-defined]  # a choice field


class PinForm(ReasonForm):
    """Whom a category's route is pinned to. Routes are by name; the choice of them is there where there are several."""

    contender = forms.ChoiceField(error_messages={"invalid_choice": "“%(value)s” is no contender in use."})
    route = forms.ChoiceField(required=False, help_text="The others stay as they are.")
    base = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)
    field_order = ("contender", "route", "reason")

    def __init__(
        self, data: Any = None, *, needed: bool, contenders: Sequence[str], routes: Sequence[tuple[str, str]]
    ) -> None:
        super().__init__(data, needed=needed)
        if not contenders:
            del self.fields["contender"]
        else:
            self.fields["contender"].choices = [(slug, slug) for slug in contenders]  # type: ignore[attr-defined]
        self.fields["route"].choices = routes  # type: ignore[attr-defined]  # a choice field


class PolicyDocumentForm(ReasonForm):
    """The policy as one text. A file that is uploaded takes the place of what was typed, and is shown in it."""

    document = forms.CharField(
        max_length=LONGEST,
        strip=False,
        required=False,
        label="Policy",
        help_text="JSON or YAML. What a category does not say, every_category says.",
        widget=forms.Textarea(attrs={"rows": 30, "class": "mono", "spellcheck": "false", "wrap": "off"}),
    )
    file = forms.FileField(
        required=False,
        label="Or from a file",
        help_text="Takes the place of what stands above.",
        widget=forms.FileInput(attrs={"accept": ".json,.yaml,.yml,application/json,application/yaml"}),
    )
    base = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)
    field_order = ("document", "file", "reason")

    def __init__(self, data: Any = None, files: Any = None, **kwargs: Any) -> None:
        if data is not None and files:
            data = data.copy()
            self.unreadable = self._put(data, files.get("file"))
        super().__init__(data, files, **kwargs)

    unreadable = ""

    @staticmethod
    def _put(data: Any, file: Any) -> str:
        """The file's text where the typed one stood; why not, if it is none."""
        if file is None:
            return ""
        if (file.size or 0) > 4 * LONGEST:
            return f"{file.name} has {file.size:,} bytes; a policy has at most {LONGEST:,} characters."
        try:
            data["document"] = file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            return f"{file.name} is no text in UTF-8: byte {error.start + 1:,} cannot be read."
        return ""

    def clean_file(self) -> None:
        if self.unreadable:
            raise forms.ValidationError(self.unreadable)

    def clean_document(self) -> Any:
        """What was read; whether it is a policy, checking and saving say."""
        text = self.cleaned_data["document"]
        if not text.strip():
            raise forms.ValidationError("Nothing is written here. Paste a policy, or choose a file.")
        try:
            return read_text(text)
        except PolicyTextError as error:
            raise forms.ValidationError(str(error)) from None

    def go_on_from(self, base: int) -> None:
        """Saved once more, it goes over this version."""
        data: Any = self.data
        self.data = data.copy()
        self.data["base"] = str(base)  # type: ignore[index]  # a copied QueryDict can be written

    def refuse(self, error: PolicyError) -> None:
        """Each wrong field on a line of its own."""
        for one in error.errors:
            self.add_error("document", str(one))
