"""Who votes, and how long a day."""

from __future__ import annotations

from django import forms

__all__ = ["WorkForm"]


class WorkForm(forms.Form):
    people = forms.IntegerField(min_value=1, max_value=10_000, initial=5)
    minutes = forms.FloatField(label="Minutes a day, each", min_value=1, max_value=1440, initial=20)
    seconds = forms.FloatField(
        label="Seconds a vote", min_value=1, max_value=3600, required=False, help_text="Empty: as measured here."
    )
