"""The forms of people and their settings."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from arena.accounts import keymap
from arena.models import Role, User


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    class Meta:
        model = User
        fields = ("first_name", "last_name")

    def save(self, commit: bool = True) -> User:
        """These fields alone: the role, as it was when the request began, may have been changed since."""
        person: User = super().save(commit=False)
        if commit:
            person.save(update_fields=self.Meta.fields)
        return person


_ACTS = {
    "left": gettext_lazy("A is better"),
    "right": gettext_lazy("B is better"),
    "tie": gettext_lazy("Tie"),
    "both_bad": gettext_lazy("Both bad"),
    "skip": gettext_lazy("Skip"),
    "undo": gettext_lazy("Undo"),
    "guide": gettext_lazy("Guidelines"),
    "difference": gettext_lazy("Show what differs"),
    "raw": gettext_lazy("Show the texts as they were written"),
}
# More than a key has, so that what was pasted is shown in the error; not so much that it fills the page.
_LONGEST_KEY = 20


class VotingForm(forms.Form):
    """How a person votes: language, whether by single keys, and by which."""

    language = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Language"),
        choices=[("", gettext_lazy("as the browser asks")), *settings.LANGUAGES],
        help_text=gettext_lazy("Of the pages for reviewers."),
    )
    voting_keys = forms.BooleanField(required=False, label=gettext_lazy("Vote by single keys"))

    def __init__(self, user: User, data: Any = None) -> None:
        keys = keymap.chosen(user.voting_keymap)
        initial = {"language": user.language, "voting_keys": user.voting_keys}
        super().__init__(data, initial=initial | {f"key_{act}": key for act, key in keys.items()})
        self.user = user
        for act, usual in keymap.ACTS.items():
            self.fields[f"key_{act}"] = forms.CharField(
                required=False,
                max_length=_LONGEST_KEY,
                label=_ACTS[act],
                widget=forms.TextInput(
                    attrs={
                        "class": "input--key mono",
                        "autocomplete": "off",
                        "spellcheck": "false",
                        "placeholder": usual,
                    }
                ),
            )

    def keys(self) -> list[forms.BoundField]:
        return [self[f"key_{act}"] for act in keymap.ACTS]

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        try:
            values["voting_keymap"] = keymap.cleaned({act: values.get(f"key_{act}", "") for act in keymap.ACTS})
        except keymap.InvalidKeyError as error:
            # A key that the field itself refused has its error already.
            if f"key_{error.act}" in values:
                self.add_error(f"key_{error.act}", _refusal(error, values[f"key_{error.act}"]))
        return values

    def save(self) -> None:
        """These fields alone: the role may have been changed since the request began."""
        for name in ("language", "voting_keys", "voting_keymap"):
            setattr(self.user, name, self.cleaned_data[name])
        self.user.save(update_fields=["language", "voting_keys", "voting_keymap"])


def _refusal(error: keymap.InvalidKeyError, key: str) -> str:
    if error.code == "taken":
        return _("“%(key)s” is the key of “%(act)s” already. Choose another one.") % {
            "key": key or keymap.ACTS[error.act],
            "act": _ACTS[error.other],
        }
    if error.code == "digit":
        return _("“%s” is a digit, which chooses a reason. Choose a letter or a sign.") % key
    return _("“%s” is not one character that a key types. Write one letter or sign.") % key


class NewPersonForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        label="Name",
        validators=[UnicodeUsernameValidator()],
        help_text="Letters, digits and @ . + - _. They may add their full name themselves.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(choices=Role.choices, initial=Role.REVIEWER)

    def clean_username(self) -> str:
        username = str(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError(f"“{username}” already exists. Make a link in their row.")
        return username


class PersonForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
    active = forms.TypedChoiceField(choices=[("1", "may sign in"), ("", "deactivated")], coerce=bool, required=False)
