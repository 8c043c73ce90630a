"""What an admin types about webhooks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from routing.webhooks.messages import EVENTS, PUBLISHED
from routing.webhooks.services import Added, AddressError, add, ask_for

__all__ = ["DisableForm", "EventsForm", "ReplayFailedForm", "ReplayForm", "TestForm", "WebhookForm"]

_MINUTE = "%Y-%m-%dT%H:%M"


class EventsForm(forms.Form):
    events = forms.MultipleChoiceField(
        choices=list(EVENTS.items()),
        initial=[PUBLISHED],
        label="What it is told of",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )

    def save_for(self, webhook_id: int, *, actor: str) -> None:
        ask_for(webhook_id=webhook_id, events=self.cleaned_data["events"], actor=actor)


class WebhookForm(EventsForm):
    url = forms.CharField(
        max_length=500,
        label="Address",
        help_text="An https address. A private one, or plain http, needs an entry in ARENA_OUTBOUND_ALLOW.",
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/arena", "autocomplete": "off"}),
        error_messages={"required": "Write the address that messages go to."},
    )
    description = forms.CharField(
        required=False, max_length=200, label="What for", help_text="Who receives it, for those who read the list."
    )

    field_order = ["url", "description", "events"]

    def save(self, *, actor: str) -> Added | None:
        """None if the address is refused: the form then says why, at the field."""
        try:
            return add(**self.cleaned_data, actor=actor)
        except AddressError as error:
            self.add_error("url", str(error))
            return None


class DisableForm(forms.Form):
    reason = forms.CharField(
        required=False,
        max_length=200,
        help_text="Others read it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ReplayForm(forms.Form):
    """`seen`: the number of the newest attempt as it was shown."""

    seen = forms.IntegerField(min_value=0)


class TestForm(forms.Form):
    """`key` is drawn with the page, so that a button pressed twice sends one message."""

    key = forms.UUIDField()


class ReplayFailedForm(forms.Form):
    since = forms.DateTimeField(
        label="Published since, in UTC",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MINUTE),
        error_messages={
            "required": "Write since when.",
            "invalid": "Write a day and a time, such as 2026-11-22T09:00.",
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["since"].initial = timezone.now() - timedelta(days=7)
