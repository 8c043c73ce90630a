"""What the guard of outbound calls refuses is one of a call's errors."""

from __future__ import annotations

import pytest

from evals.collection.providers import ProviderError
from evals.models.generations import ErrorCategory as Category
from tests.servers import ANSWER, says


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_a_call_to_a_forbidden_address_is_one_of_the_errors(serve, ask_anywhere, host):
    server = serve(says(ANSWER))

    with pytest.raises(ProviderError, match=f"add .*:{server.port} to ARENA_OUTBOUND_ALLOW") as caught:
        ask_anywhere(f"http://{host}:{server.port}/v1")

    assert caught.value.category == Category.NOT_ALLOWED
    assert server.connections == 0


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0177.0.0.1", "0x7f.1"])
def test_an_address_in_disguise_is_none(serve, ask_anywhere, host):
    server = serve(says(ANSWER))

    with pytest.raises(ProviderError):
        ask_anywhere(f"http://{host}:{server.port}/v1")

    assert server.connections == 0
