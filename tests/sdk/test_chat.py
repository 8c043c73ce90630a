"""The request that a service sends is the one that Arena sent to collect answers."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from arena_routing._decision import Target
from evals.collection.providers import Request
from evals.collection.providers.chat_completions import request_body

TEXTS = st.text(max_size=8)
CONTENTS = TEXTS | st.just([{"type": "text", "text": "Hi"}])
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": CONTENTS}), max_size=3
)
SYSTEMS = TEXTS | st.none()
SETTINGS = st.fixed_dictionaries(
    {}, optional={"system": SYSTEMS, "temperature": st.just(0.2), "model": st.just("x"), "stop": st.just(["a"])}
)


def target(settings: dict[str, Any]) -> Target:
    return Target({"model_name": "m", "settings": settings})


@given(messages=MESSAGES, settings=SETTINGS)
def test_the_request_is_the_one_whose_answers_people_voted_on(messages: list[dict[str, Any]], settings: dict[str, Any]):
    assert target(settings).chat(messages) == request_body(Request("m", messages, settings))


def test_neither_the_table_nor_the_callers_messages_are_changed():
    settings, messages = {"system": "Be brief.", "stop": ["a"]}, [{"role": "system", "content": "Speak French."}]
    made = target(settings).chat(messages)
    made["stop"].append("b")
    assert made["messages"] == [{"role": "system", "content": "Be brief.\n\nSpeak French."}]
    assert settings == {"system": "Be brief.", "stop": ["a"]}
    assert messages == [{"role": "system", "content": "Speak French."}]
