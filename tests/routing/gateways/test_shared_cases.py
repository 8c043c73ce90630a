"""The cases that server and client share, put to the Portkey export without a gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.gateways import export
from routing.publishing.selection import Ask
from tests.routing.gateways.gateway_rules import Refused, models, resolve
from tests.routing.gateways.tables import body, metadata
from tests.routing.publishing.test_selection import SHARED

TABLE = SHARED["table"]
# A config does not expire, which the export says.
CASES = [case for case in SHARED["cases"] if case.get("with", {}).get("on_expired") is None]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_config_sends_it_where_the_table_does(case: dict[str, Any]):
    document = TABLE | case.get("with", {})
    ask = Ask(**(case["ask"] | {"needs": frozenset(case["ask"].get("needs", ()))}))
    config = json.loads(export("portkey", body(document)).text)["config"]
    if "error" in case:
        with pytest.raises(Refused):
            resolve(config, metadata(ask, document))
        return
    asked = models(resolve(config, metadata(ask, document)))
    there = {slug: entry["model_name"] for slug, entry in document["models"].items()}
    assert asked[0] == there[case["model"]]
    assert asked[1:] == [there[slug] for slug in case["fallbacks"]] if "fallbacks" in case else asked
