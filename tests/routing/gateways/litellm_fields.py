"""The fields of a LiteLLM proxy's config.yaml that an export may use, as the proxy documents them.

From "Config.yaml", "All settings", "Fallbacks", "Custom Pricing" and "Input Params" of its documentation, October
2026. The package itself is not to be installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

_NUMBER = (int, float)
LITELLM_PARAMS: Mapping[str, Any] = {
    "model": str,
    "api_base": str,
    "api_key": str,
    "extra_body": dict,
    "frequency_penalty": _NUMBER,
    "logit_bias": dict,
    "logprobs": bool,
    "max_completion_tokens": int,
    "max_tokens": int,
    "n": int,
    "presence_penalty": _NUMBER,
    "response_format": dict,
    "seed": int,
    "stop": (str, list),
    "temperature": _NUMBER,
    "tool_choice": (str, dict),
    "tools": list,
    "top_logprobs": int,
    "top_p": _NUMBER,
    "user": str,
}
# Further keys are allowed there; ours begin with `arena_`.
MODEL_INFO: Mapping[str, Any] = {
    "mode": str,
    "input_cost_per_token": _NUMBER,
    "output_cost_per_token": _NUMBER,
    "max_input_tokens": int,
    "supports_function_calling": bool,
    "supports_vision": bool,
}
ROUTER_SETTINGS: Mapping[str, Any] = {"fallbacks": list, "max_fallbacks": int}


def checked(text: str) -> dict[str, Any]:
    """The parsed config; fails on the first field that is not as documented."""
    config: dict[str, Any] = yaml.safe_load(text)
    assert set(config) <= {"model_list", "router_settings"}
    names = [entry["model_name"] for entry in config["model_list"]]
    assert len(set(names)) == len(names), "two deployments of one name would be balanced"
    assert not [name for name in names if "*" in name], "a wildcard"
    for entry in config["model_list"]:
        assert set(entry) == {"model_name", "litellm_params", "model_info"}
        assert type(entry["model_name"]) is str
        params, info = entry["litellm_params"], entry["model_info"]
        _typed(params, LITELLM_PARAMS)
        assert params["model"].startswith("openai/")
        assert re.match(r"https?://", params["api_base"])
        assert re.fullmatch(r"os\.environ/[A-Z_][A-Z0-9_]*", params["api_key"])
        _typed({key: value for key, value in info.items() if not key.startswith("arena_")}, MODEL_INFO)
        assert info["mode"] == "chat"
    router = config.get("router_settings", {})
    _typed(router, ROUTER_SETTINGS)
    keys = [key for fallback in router.get("fallbacks", []) for key in fallback]
    assert len(set(keys)) == len(keys)
    for fallback in router.get("fallbacks", []):
        ((name, others),) = fallback.items()
        assert {name, *others} <= set(names)
        assert name not in others
        assert 0 < len(others) <= router.get("max_fallbacks", 5)
    return config


def _typed(given: Mapping[str, Any], documented: Mapping[str, Any]) -> None:
    for key, value in given.items():
        assert key in documented, f"{key} is not documented"
        assert isinstance(value, documented[key]), f"{key}: {value!r}"
