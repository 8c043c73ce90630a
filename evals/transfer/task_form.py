"""The form in which one task of a task set is edited."""

from __future__ import annotations

from typing import Any

from django import forms

from evals.transfer.editing import LIMITS

__all__ = ["TaskForm"]


def _text(label: str, rows: int, help_text: str = "", *, code: bool = False) -> forms.CharField:
    attrs: dict[str, Any] = {"rows": rows} | ({"class": "mono", "spellcheck": "false"} if code else {})
    return forms.CharField(
        required=False,
        strip=False,
        max_length=LIMITS.field_chars,
        label=label,
        help_text=help_text,
        widget=forms.Textarea(attrs=attrs),
    )


class TaskForm(forms.Form):
    """Fields as `evals.transfer.editing.written_fields` gives them. What they hold is checked where it is read."""

    category = forms.CharField(max_length=120, help_text="It is created if it does not exist.")
    system = _text("System", 3, "What the model is told before the prompt.")
    prompt = _text("Prompt", 10)
    messages = _text(
        "Messages", 6, "Instead of system and prompt: a conversation, as a list of role and content.", code=True
    )
    attachments = _text("Attachments", 2, "Images and texts that follow the prompt, as a list.", code=True)
    reference = _text("Reference", 4, "A right answer, for checks and reviewers.")
    checks = _text("Checks", 5, "A list in YAML or JSON, such as - type: not_refusal", code=True)
    tools = _text("Tools", 3, "Functions that are offered, in OpenAI’s form.", code=True)
    metadata = _text("Metadata", 3, "Names with values, kept beside the task.", code=True)
