"""The forms of people and their settings."""

from __future__ import annotations

from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator

from arena.models import Role, User


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    class Meta:
        model = User
        fields = ("first_name", "last_name", "voting_keys")
        labels = {"voting_keys": "Vote by single keys"}
        help_texts = {"voting_keys": "a or ←, b or →, t or ↓, x or ↑; s skips, z takes back, ? helps."}

    def save(self, commit: bool = True) -> User:
        """These fields alone: the role, as it was when the request began, may have been changed since."""
        person: User = super().save(commit=False)
        if commit:
            person.save(update_fields=self.Meta.fields)
        return person


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
