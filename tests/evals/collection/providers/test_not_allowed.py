"""What the guard of outbound calls refuses is one of a call's errors."""

from __future__ import annotations

import pytest

from evals.collection.providers import Endpoint, OpenAIFormat, ProviderError, Request
from evals.models.generations import ErrorCategory as Category
from tests.servers import ANSWER, says


def test_a_call_to_a_forbidden_address_is_one_of_the_errors(serve, http):
    server = serve(says(ANSWER))

    with pytest.raises(ProviderError, match=f"add 127.0.0.1:{server.port} to ARENA_OUTBOUND_ALLOW") as caught:
        OpenAIFormat(http).ask(Endpoint(server.base_url), Request("some-model", ()))

    assert caught.value.category == Category.NOT_ALLOWED
    assert server.connections == 0
