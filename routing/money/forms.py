"""What the money page is asked: a volume, and a machine."""

from __future__ import annotations

from django import forms

__all__ = ["MoneyForm"]


class MoneyForm(forms.Form):
    volume = forms.FloatField(
        label="Successes a month", min_value=1, max_value=1e12, required=False, help_text="Empty: as services report."
    )
    gpu_usd = forms.FloatField(
        label="GPU, US dollars an hour",
        min_value=0.001,
        max_value=10_000,
        required=False,
        help_text="Rented, or owned.",
    )
    gpu_model = forms.CharField(label="Model on it", max_length=200, required=False, help_text="A contender here.")
    gpu_tokens = forms.FloatField(
        label="Its tokens a second",
        min_value=0.01,
        max_value=10_000_000,
        required=False,
        help_text="All requests together. Empty: as measured, one request at a time.",
    )
    gpu_busy = forms.FloatField(
        label="Busy, per cent", min_value=1, max_value=100, required=False, initial=50, help_text="Empty: 50."
    )
