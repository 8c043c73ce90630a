"""What people say about themselves."""

from __future__ import annotations

from django import forms

from arena.models import User


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    class Meta:
        model = User
        fields = ("first_name", "last_name", "voting_keys")
        labels = {"voting_keys": "Vote by single keys"}
