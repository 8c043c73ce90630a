"""`run` and `arun`: fall back on errors, escalate what is not good enough, ask no model twice, report everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from arena_routing import AllModelsFailed, CheckFailed, Decision, Escalate, Router
from tests.sdk.arena_double import Arena

MakeRouter = Callable[..., Router]
# What each model does: raise this, or return it.
Script = Mapping[str, Any]


@pytest.fixture
def router(arena: Arena, make_router: MakeRouter) -> Router:
    arena.publish(1)
    return make_router()


class Runner:
    """`run(decision, script, **options)` is the result, by `run` or by `arun`; `asked` are the models in order."""

    def __init__(self, router: Router, way: str) -> None:
        self.asked: list[str] = []
        self._router = router
        self._way = way

    def __call__(self, decision: Decision, script: Script, **options: Any) -> Any:
        self.asked.clear()

        def call(model: str) -> Any:
            self.asked.append(model)
            planned = script[model]
            if isinstance(planned, BaseException):
                raise planned
            return planned

        async def acall(model: str) -> Any:
            await asyncio.sleep(0)
            return call(model)

        if self._way == "run":
            return self._router.run(decision, call, **options)
        return asyncio.run(self._router.arun(decision, acall, **options))


@pytest.fixture(params=["run", "arun"])
def run(request: pytest.FixtureRequest, router: Router) -> Runner:
    return Runner(router, request.param)


def reported(arena: Arena, router: Router) -> list[tuple[str, bool, str | None]]:
    router.close()
    return [(outcome["model"], outcome["ok"], outcome["error"]) for outcome in arena.outcomes]


def test_the_first_model_serves(arena: Arena, router: Router, run: Runner):
    assert run(router.route("code"), {"big": "answer"}) == "answer"
    assert reported(arena, router) == [("big", True, None)]


def test_after_an_error_the_fallbacks_are_asked_in_order(arena: Arena, router: Router, run: Runner):
    script = {"big": TimeoutError("10 s"), "small": ValueError("secret prompt"), "home": "answer"}
    assert run(router.route("code"), script) == "answer"
    assert reported(arena, router) == [
        ("big", False, "TimeoutError"),
        ("small", False, "ValueError"),
        ("home", True, None),
    ]
    assert "secret" not in str(arena.outcomes)


def test_when_all_models_fail_the_error_has_each_ones_error(arena: Arena, router: Router, run: Runner):
    errors = {"big": TimeoutError("10 s"), "small": ValueError("no"), "home": OSError("gone")}
    with pytest.raises(
        AllModelsFailed, match=r"route code failed \(3 asked\): big: TimeoutError: 10 s; small"
    ) as caught:
        run(router.route("code"), errors)
    assert {one.model: one.error for one in caught.value.attempts} == errors
    assert caught.value.__cause__ is errors["home"]
    assert all((one.latency_ms or 0) > 0 for one in caught.value.attempts)


def test_other_errors_are_raised(arena: Arena, router: Router, run: Runner):
    with pytest.raises(KeyError):
        run(router.route("code"), {"big": KeyError("a bug")}, fall_back_on=(OSError, ValueError))
    assert run.asked == ["big"]
    assert reported(arena, router) == [("big", False, "KeyError")]


def test_base_exceptions_are_not_caught(router: Router, run: Runner):
    with pytest.raises(KeyboardInterrupt):
        run(router.route("code"), {"big": KeyboardInterrupt()})
    assert run.asked == ["big"]


def test_escalate_asks_the_stronger_model_first(arena: Arena, router: Router, run: Runner):
    decision = router.route("code", max_ttft_ms=500, needs={"json"})
    assert decision.escalate_to is None
    fast = Decision("small", ("home",), "big", "code", "code-fast", 1, "", (), False, decision._models)
    assert run(fast, {"small": Escalate(), "big": "better"}) == "better"
    assert reported(arena, router) == [("small", False, "Escalate"), ("big", True, None)]


def test_a_failed_check_escalates_before_it_falls_back(arena: Arena, router: Router, run: Runner):
    decision = router.route("code")
    assert (decision.fallbacks, decision.escalate_to) == (("small", "home"), "home")
    script = {"big": "bad", "home": "bad", "small": "good"}
    assert run(decision, script, check=lambda answer: answer == "good") == "good"
    assert run.asked == ["big", "home", "small"], "home was the escalation, and is not asked again as a fallback"
    assert reported(arena, router)[0] == ("big", False, "CheckFailed")


def test_the_error_has_the_rejected_answers(router: Router, run: Runner):
    with pytest.raises(AllModelsFailed) as caught:
        run(router.route("code", needs={"tools"}), {"big": "poor"}, check=lambda answer: False)
    (attempt,) = caught.value.attempts
    assert attempt.result == "poor"
    assert isinstance(attempt.error, CheckFailed)


def test_a_check_that_raises_counts_as_that_models_error(router: Router, run: Runner):
    def check(answer: str) -> bool:
        return bool({"good": True}[answer])

    assert run(router.route("code"), {"big": "?", "small": "good"}, check=check) == "good"


def test_escalation_without_a_stronger_model_falls_back(router: Router, run: Runner):
    decision = router.route("poetry")
    assert decision.escalate_to is None
    assert run(decision, {"small": Escalate(), "big": "answer"}, fall_back_on=OSError) == "answer"


def test_measured_values_are_reported(arena: Arena, router: Router, run: Runner):
    run(
        router.route("code"),
        {"big": {"used": 412, "first": 310.5, "cost": float("nan")}},
        measure=lambda it: {"tokens": it["used"], "ttft_ms": it["first"], "cost_usd": it["cost"], "other": 1},
    )
    router.close()
    (outcome,) = arena.outcomes
    assert (outcome["tokens"], outcome["ttft_ms"], outcome["cost_usd"]) == (412, 310.5, None)
    assert "other" not in outcome


def test_a_measure_that_raises_does_not_cost_the_answer(arena: Arena, router: Router, run: Runner):
    assert run(router.route("code"), {"big": "answer"}, measure=lambda answer: answer["tokens"]) == "answer"
    router.close()
    assert arena.outcomes[0]["tokens"] is None


def test_a_check_may_be_asynchronous(router: Router):
    async def call(model: str) -> str:
        return model

    async def check(answer: str) -> bool:
        return answer == "home"

    assert asyncio.run(router.arun(router.route("code"), call, check=check)) == "home"


def test_a_cancelled_call_asks_no_other_model(router: Router):
    asked = []

    async def call(model: str) -> str:
        asked.append(model)
        await asyncio.Event().wait()
        return model

    async def main() -> None:
        running = asyncio.ensure_future(router.arun(router.route("code"), call))
        while not asked:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert asked == ["big"]


def test_targets_say_how_to_call_each_model_and_are_copies(router: Router):
    decision = router.route("code")
    assert list(decision.targets) == ["big", "small", "home"]
    assert decision.target == decision.targets["big"]
    home = decision.targets["home"]
    assert (home.provider, home.base_url, home.model_name) == ("z", "http://127.0.0.1:1234/v1", "home-1")
    assert home.settings == {"temperature": 0}
    home.settings["temperature"] = 2
    home["settings"]["temperature"] = 2
    assert router.route("code").targets["home"].settings == {"temperature": 0}
    assert home["locality"] == home.locality == "local"
    assert dict(home)["capabilities"] == []


def test_a_router_closes_without_blocking_the_loop(arena: Arena, make_router: MakeRouter):
    async def main() -> str:
        async with make_router() as router:
            decision = router.route("code")
            return await router.arun(decision, respond)

    async def respond(model: str) -> str:
        return model

    arena.publish(1)
    assert asyncio.run(main()) == "big"
    assert [outcome["model"] for outcome in arena.outcomes] == ["big"]
