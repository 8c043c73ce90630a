"""Redaction of tasks: all of their texts, with placeholders that hold within a task. No database."""

from __future__ import annotations

import json
import re

import pytest

from evals.catalog.names import BadValueError
from evals.catalog.services.task_sets import TaskRow
from evals.transfer.files.errors import Problems
from evals.transfer.redaction.redactor import Redactor
from evals.transfer.requests import Redaction, confirmation, redacted

MAIL = "mara@mail.example.org"


def task(**fields):
    return TaskRow(**({"external_id": "1", "category": "c", "messages": [{"role": "user", "content": "Hi"}]} | fields))


def test_every_text_of_a_task_is_redacted_and_what_links_its_parts_stays():
    arguments = json.dumps({"to": MAIL, "phone": 491511234567, "list": [MAIL, 1]})
    tool = {"name": "send", "description": f"as {MAIL}", "parameters": {"properties": {"to": {"enum": [MAIL]}}}}
    given = task(
        messages=[
            {"role": "system", "content": f"You are {MAIL}."},
            {"role": "user", "name": "Mara", "content": [{"type": "text", "text": MAIL}, {"type": "image_url"}]},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "call_123456789", "function": {"name": "send", "arguments": arguments}}],
            },
            {"role": "tool", "tool_call_id": "call_123456789", "content": f"sent to {MAIL}"},
        ],
        tools=[{"type": "function", "function": tool}],
        reference=f"I wrote to {MAIL}",
        checks=[{"type": "contains", "value": MAIL}, {"type": "regex", "pattern": f"to {MAIL}$"}],
        metadata={"user": MAIL, MAIL: 1, "at": "2026-10-04T08:15:02Z", "tokens_in": 21, "account": 123456789012},
    )
    done = Redactor(["Mara"]).task(given)
    assert MAIL not in repr(done)
    assert done.messages[0]["content"] == "You are [EMAIL_1]."
    assert done.messages[1]["name"] == "NAME_1"
    assert done.messages[2]["tool_calls"][0]["id"] == done.messages[3]["tool_call_id"] == "call_123456789"
    called = json.loads(done.messages[2]["tool_calls"][0]["function"]["arguments"])
    assert called == {"to": "[EMAIL_1]", "phone": "[NUMBER_1]", "list": ["[EMAIL_1]", 1]}
    assert done.tools[0]["function"]["parameters"] == {"properties": {"to": {"enum": ["[EMAIL_1]"]}}}
    assert re.search(done.checks[1]["pattern"], "to [EMAIL_1]")
    assert done.metadata == {
        "user": "[EMAIL_1]",
        "[EMAIL_1]": 1,
        "at": "2026-10-04T08:15:02Z",
        "tokens_in": 21,
        "account": "[NUMBER_2]",
    }


def test_placeholders_hold_within_a_task_and_begin_anew_in_the_next():
    redactor = Redactor()
    first = redactor.task(task(messages=[{"role": "user", "content": f"a@b.example, {MAIL} and A@B.example"}]))
    second = redactor.task(task(messages=[{"role": "user", "content": MAIL}]))
    assert first.messages[0]["content"] == "[EMAIL_1], [EMAIL_2] and [EMAIL_1]"
    assert second.messages[0]["content"] == "[EMAIL_1]"


def test_the_preview_counts_and_shows_masked_examples_in_their_kept_surroundings():
    redactor = Redactor()
    redactor.task(task(messages=[{"role": "user", "content": f"Please write to {MAIL} or 192.0.2.7 today."}], line=7))
    shown = redactor.replacements
    (mail, ip) = shown.kinds
    assert (shown.tasks, shown.tasks_changed, shown.places, mail.kind, mail.values) == (1, 1, 2, "EMAIL", 1)
    (example,) = mail.examples
    assert (example.line, example.where, example.masked) == (7, "user message", "m•••@••••.•••••••.•••")
    assert (example.before, example.after) == ("Please write to", "or [IP_1] today.")
    assert "192.0.2.7" not in repr(shown)
    assert ip.places == 1


def test_an_id_that_is_replaced_becomes_the_rows_place():
    traced = "653a053e359f9461d2dedb12f05cfb35-1234567890123456"
    assert Redactor().task(task(external_id=MAIL, line=9)).external_id == "row-9"
    assert Redactor().task(task(external_id="4915112345678", line=9)).external_id == "row-9"
    assert Redactor().task(task(external_id=traced, line=9)).external_id == traced


@pytest.mark.parametrize(
    "fields",
    [{"category": MAIL}, {"checks": [{"type": "number", "value": 4111111111111111}]}],
)
def test_what_a_replacement_would_change_in_meaning_is_an_error_at_its_line(fields):
    with pytest.raises(BadValueError, match="replaced"):
        Redactor().task(task(**fields))
    problems = Problems()
    redacted([task(line=3, **fields)], Redaction(), problems)
    assert problems.errors[0].line == 3


def test_the_code_to_confirm_is_for_exactly_these_replacements():
    one, other = task(), task(messages=[{"role": "user", "content": "Ho"}])
    assert confirmation([one], "a") == confirmation([one], "a")
    assert len({confirmation([one], "a"), confirmation([other], "a"), confirmation([one], "b")}) == 3
