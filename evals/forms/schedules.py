"""When a task set is run again."""

from __future__ import annotations

from django import forms

from evals.models import TaskSet
from evals.services.schedules.timetable import EVERY

__all__ = ["BakeOffForm"]


class BakeOffForm(forms.Form):
    task_set: forms.ModelChoiceField[TaskSet] = forms.ModelChoiceField(TaskSet.objects.all(), empty_label=None)
    every = forms.ChoiceField(choices=list(EVERY.items()), initial="W")
    first_at = forms.DateTimeField(
        required=False,
        label="First time, in UTC",
        help_text="Empty: at once.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
