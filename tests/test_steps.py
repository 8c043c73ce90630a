"""What `make test` ran before this session, so that the summary of the last one speaks for all."""

import pytest

from tests.reporting import STEPS


@pytest.mark.parametrize("step", STEPS)
def test_the_step_before_this_session_passed(step: str) -> None:
    code, _ = STEPS[step]
    assert code == 0, f"{step} failed: its output is further up"
