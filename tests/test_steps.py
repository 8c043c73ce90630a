"""What `make test` ran beside this session, so that its summary speaks for all."""

import pytest

from tests import steps


@pytest.mark.parametrize("name", steps.NAMES)
def test_what_ran_beside_this_session_passed(name: str) -> None:
    step = steps.ended().get(name)
    assert step is not None, "make test was interrupted"
    assert step.code == 0, f"{name} failed: its output is further up"
