"""A policy as text: JSON and YAML say the same, and an error names its place."""

from __future__ import annotations

import pytest

from routing.policy.diff import PolicyChange, policy_diff
from routing.policy.parse import default_document, parse
from routing.policy.text import FORMS, PolicyTextError, read_text, write_text

RICH = parse(
    {
        "every_category": {
            "exclude": ["no", "1e5", "on: off"],
            "routes": [{"name": "yes", "when": {"label": "é"}}, {}],
        },
        "categories": {"code": {"limits": {"max_usd_per_success": 0.0000001}}},
    }
).document


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("document", [default_document(), RICH])
def test_what_is_written_reads_back_the_same(form: str, document: dict):
    assert read_text(write_text(document, form)) == document


def test_yaml_with_comments_and_json_say_the_same():
    written = "# ours\nevery_category:\n  gate: {alpha: 0.1}  # bolder\n"
    assert read_text(written) == read_text('\ufeff {"every_category": {"gate": {"alpha": 0.1}}}')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes (column 2)"),
        ('{"a": 1, "a": 2}', "names “a” twice in one object (column 10)"),
        ('{"a": NaN}', "holds NaN, which is not a number in JSON (column 7)"),
        ('{"a": 1e999}', "holds 1e999, a number too large to store"),
        ('{"a": ' + "9" * 5000 + "}", "a number with too many digits"),
        ("[" * 100_000, "nested deeper than 32 levels"),
        ("{" + '"a":{' * 50_000, "nested deeper than 32 levels"),
        (
            "every_category:\n  objective: best\n  objective: cheapest\n",
            "names “objective” twice in one object (line 3, column 3)",
        ),
        ("a: &x [1]\nb: *x\n", "uses an alias (line 2, column 4)"),
        ("a: [1\nb: 2", "(line 2, column 2)"),
        ("a: .nan", "“.nan”, which is neither text nor a number here (line 1, column 4)"),
        ("exclude: [2026-10-01]", "“2026-10-01”, which is neither text nor a number here (line 1, column 11)"),
        ("a: 2026-02-31", "Put it in quotes"),
        ("1: x", "has a name 1 that is not text"),
        ("a: !!python/object:os.system x", "YAML tags are not read: leave out !!python/object:os.system."),
        ("a: !!map x", "uses a tag (line 1, column 4). YAML tags are not read: leave out !!map."),
        ("a: \x07", "is not YAML"),
        ("x" * 1_000_001, "has 1,000,001 characters; the limit is 1,000,000"),
    ],
)
def test_an_error_names_its_place(text: str, message: str):
    with pytest.raises(PolicyTextError) as refused:
        read_text(text)
    assert message in str(refused.value)


def test_a_diff_names_what_each_place_says_otherwise():
    older = parse({"every_category": {"quality_margin": 50}, "categories": {"code": {"exclude": ["a"]}}}).document
    newer = parse(
        {
            "every_category": {
                "quality_margin": 30,
                "routes": [{"name": "fast", "when": {"max_ttft_ms": 500}, "pin": "b"}, {}],
            },
            "categories": {"chat": {"gate": {"mode": "held"}}},
            "on_expired": "refuse",
        }
    ).document
    assert policy_diff(older, newer) == [
        PolicyChange("every_category", "quality_margin", 50, 30),
        PolicyChange("categories.code", "exclude", ["a"], None),
        PolicyChange("", "on_expired", "use_last_good", "refuse"),
        PolicyChange("every_category", "order of routes", None, ["fast", "(unnamed)"]),
        PolicyChange("every_category", "route fast: when", None, {"max_ttft_ms": 500}),
        PolicyChange("every_category", "route fast: pin", None, "b"),
        PolicyChange("categories.chat", "gate.mode", None, "approval"),
    ]
    assert policy_diff(newer, newer) == []


def test_a_route_put_in_front_is_one_change():
    late = {"name": "late", "when": {"label": "late"}}
    older = parse({"every_category": {"routes": [late, {}]}}).document
    newer = parse({"every_category": {"routes": [{"name": "new", "when": {"label": "new"}}, late, {}]}}).document
    assert {change.field for change in policy_diff(older, newer)} == {"order of routes", "route new: when"}
