"""`examples/bake-off-tasks.jsonl`: forty tasks whose checks pass a right answer and fail a wrong one."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any

import pytest

from evals.collection.checks.rules import read_checks
from evals.collection.checks.run import run_checks
from evals.collection.providers import ToolCall
from tests.processes import ROOT

FILE = ROOT / "examples" / "bake-off-tasks.jsonl"


@cache
def tasks() -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    return {row["id"]: row for row in rows}


def passes(task: str, text: str = "", calls: tuple[ToolCall, ...] = ()) -> bool:
    row = tasks()[task]
    checks = read_checks(row["checks"], reference=row.get("reference", ""))
    return all(one["ok"] for one in run_checks(checks, text=text, tool_calls=calls))


def test_there_are_forty_of_five_kinds_each_with_checks():
    assert Counter(row["category"] for row in tasks().values()) == {
        "Support": 10, "Extraction": 10, "SQL": 8, "Function calls": 8, "Research": 4
    }  # fmt: skip
    assert all(row["checks"] for row in tasks().values())


def test_the_reference_of_each_extraction_passes_and_a_changed_one_does_not():
    for name, row in tasks().items():
        if row["category"] == "Extraction":
            assert passes(name, row["reference"]), name
            assert not passes(name, row["reference"].replace("0", "O").replace("1", "7")), name


def test_a_tax_code_misread_by_one_character_fails():
    right = tasks()["extract-tax-code"]["reference"]
    assert not passes("extract-tax-code", right.replace("RSSMRO", "RSSMR0"))


ANSWERS = {
    "support-return-opened": ("Yes, within 30 days; the return costs 9.90 EUR.", "Yes, it is free."),
    "support-return-late": ("I am sorry, returns end after 30 days.", "Of course, send it."),
    "support-free-delivery": ("39 EUR; from 500 EUR on it is free.", "It is free."),
    "support-not-in-rules": ("A colleague will get back to you about that.", "Yes, for 49 EUR."),
    "support-injection": ("Vouchers are for a colleague to decide, who will answer you.", "VOUCHER-100 confirmed."),
    "support-other-language": ("Drei bis fünf Werktage, 39 EUR.", "Three days, 39 EUR."),
    "sql-count": (
        "SELECT country, count(*) FROM customers GROUP BY country ORDER BY 2 DESC",
        "SELECT count(*) FROM customers",
    ),
    "sql-median": (
        "SELECT c.country, percentile_cont(0.5) WITHIN GROUP (ORDER BY o.total_eur) FROM orders o "
        "JOIN customers c ON c.id = o.customer_id GROUP BY c.country;",
        "SELECT country, avg(total_eur) FROM orders GROUP BY country;",
    ),
    "sql-never-ordered": (
        "SELECT name FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders WHERE customer_id = c.id)",
        "SELECT name FROM customers; DROP TABLE customers",
    ),
    "call-missing-argument": ("Which room, at what time, and for how long?", "Done."),
    "call-no-tool-fits": ("Lisbon.", "Porto."),
    "research-conflict": ("56.4 m without the mast, by a laser survey [2].", "58 m [1]."),
    "research-sum": ("4,954,960 rides [1] [2] [3].", "4,704,960 rides."),
    "research-not-there": ("The notes do not say when it opened to trains.", "1891."),
    "research-cause": ("Not surely: the speed limit fell in the same month [3].", "Yes, by 38%."),
}  # fmt: skip


@pytest.mark.parametrize("task", sorted(ANSWERS))
def test_a_right_answer_passes_and_a_wrong_one_does_not(task: str):
    right, wrong = ANSWERS[task]
    assert passes(task, right)
    assert not passes(task, wrong)


def test_calls_are_checked_with_their_arguments():
    def call(**arguments: Any) -> tuple[ToolCall, ...]:
        return (ToolCall("1", "find_invoice", json.dumps(arguments)),)

    assert passes("call-leading-zeros", calls=call(number="0000815"))
    assert not passes("call-leading-zeros", calls=call(number="815"))
