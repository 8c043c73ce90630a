"""A log of requests sampled and redacted: `python -m benchmarks.request_logs`.

The log is made up, from a seed: requests in five categories of very unequal shares, of 20 to 30,000 characters, a
third of them near-duplicates that differ in a number or a word, one in twenty an exact repetition. In 200 of them a
secret is planted, of twenty kinds, each valid in its check digits and drawn at random; in 60 more something that
identifies somebody and that no rule can find. What counts: whether a sample of 50 has the shares it was asked for,
whether two of its tasks are alike by the exact similarity of their word shingles, and what is left of what was planted.
Of 100,000 rows the processor time and the growth of memory are told, for the draw alone.
"""

from __future__ import annotations

import io
import json
import os
import random
import resource
import string
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
django.setup()

from evals.catalog.services.task_sets import TaskRow  # noqa: E402
from evals.transfer.files.errors import Problems  # noqa: E402
from evals.transfer.files.layout import Layout  # noqa: E402
from evals.transfer.files.rows import read_rows  # noqa: E402
from evals.transfer.files.text import Limits, Source  # noqa: E402
from evals.transfer.redaction.redactor import MISSED  # noqa: E402
from evals.transfer.requests import Redaction, Sample, asked_text, drawn_from, redacted  # noqa: E402
from evals.transfer.sampling.drawing import By, Drawn, Sampler, length_class, length_name  # noqa: E402
from evals.transfer.sampling.minhash import jaccard  # noqa: E402
from evals.transfer.tasks import TASK_FIELDS, read_tasks  # noqa: E402

SHARES = {"support": 0.42, "extraction": 0.27, "sql": 0.18, "legal": 0.09, "poetry": 0.04}
NAMES = ("Mara Okonkwo", "Jürgen Weiß", "Иван Петров", "田中太郎", "O'Neill")
# Two tasks whose sets of word shingles are this alike are near-duplicates.
ALIKE = 0.8
_SYSTEM = "You are the assistant of a software company. " + "Answer shortly and in the language of the question. " * 20
_DIGITS = string.digits
_LOWER = string.ascii_lowercase
_KEY = string.ascii_letters + string.digits


class Planted(NamedTuple):
    """`row` counts from 0. `kind` says what `value` is."""

    row: int
    kind: str
    value: str


class Log(NamedTuple):
    lines: bytes
    secrets: list[Planted]
    beyond: list[Planted]


class Figures(NamedTuple):
    drawn: Drawn
    alike: int
    most_alike: float
    left_in_sample: list[Planted]


def make_log(requests: int, *, seed: int, secrets: int, beyond: int = 0) -> Log:
    """Pairs of request and response as JSONL, each category under `tags`."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(_LOWER, k=rng.randint(2, 9))) for _ in range(4_000)]
    templates = [_prose(words, rng, rng.randint(40, 120)) for _ in range(12)]
    texts: list[tuple[str, str]] = []
    for n in range(requests):
        draw = rng.random()
        category = rng.choices(list(SHARES), list(SHARES.values()))[0]
        if draw < 0.05 and texts:
            category, text = rng.choice(texts)
        elif draw < 0.38:
            text = f"{rng.choice(templates)} Ticket {n} of {rng.choice(words)}."
        else:
            text = _prose(words, rng, max(3, int(5_000 ** rng.random())))
        texts.append((category, text))
    chosen = rng.sample(range(requests), secrets + beyond)
    planted = [_planted(rng, row, n, _SECRETS) for n, row in enumerate(chosen[:secrets])]
    others = [_planted(rng, row, n, _BEYOND) for n, row in enumerate(chosen[secrets:])]
    for one, sentence in (*planted, *others):
        category, text = texts[one.row]
        texts[one.row] = (category, f"{text[: len(text) // 2]} {sentence} {text[len(text) // 2 :]}")
    lines = b"".join(_line(n, *made) for n, made in enumerate(texts))
    return Log(lines, [one for one, _ in planted], [one for one, _ in others])


def tasks_of(log: Log) -> Iterator[TaskRow]:
    """As an import reads them."""
    problems = Problems()
    layout = Layout(TASK_FIELDS, columns={"category": "tags"}, tasks=True)
    rows = read_rows(Source(io.BytesIO(log.lines), "log"), layout, problems)
    tasks, _ = read_tasks(rows, category="", limits=Limits(), problems=problems)
    problems.raise_if_any()
    yield from tasks


def measure(log: Log, size: int, *, seed: int, by: By) -> Figures:
    rows, drawn = drawn_from(tasks_of(log), tasks_of(log), Sample(size, seed, by))
    pairs = [jaccard(asked_text(one), asked_text(other)) for one, other in combinations(rows, 2)]
    left = left_over(rows, log.secrets)
    return Figures(drawn, sum(pair >= ALIKE for pair in pairs), max(pairs, default=0.0), left)


def left_over(rows: list[TaskRow], planted: list[Planted]) -> list[Planted]:
    """What can still be read after redaction in any of these rows."""
    problems = Problems()
    done, _ = redacted(rows, Redaction(NAMES), problems)
    problems.raise_if_any()
    written = {row.line - 1: json.dumps([row.messages, row.metadata], ensure_ascii=False) for row in done}
    # Part of a value gives it away, too: none of its longest words may be left.
    return [one for one in planted if one.row in written and _telling(one.value) in written[one.row]]


def rows_with(log: Log, planted: list[Planted]) -> list[TaskRow]:
    wanted = {one.row for one in planted}
    return [row for row in tasks_of(log) if row.line - 1 in wanted]


def _telling(value: str) -> str:
    return max(value.replace("\\n", "\n").split(), key=len)


def _prose(words: list[str], rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(words, k=count)).capitalize() + "."


def _line(n: int, category: str, text: str) -> bytes:
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": text}]
    answer = {"role": "assistant", "content": "Done."}
    record = {
        "id": f"req-{n}",
        "tags": [category],
        "request": {"model": "small", "messages": messages},
        "response": {"model": "small-1", "choices": [{"index": 0, "message": answer}], "usage": {"prompt_tokens": n}},
    }
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _planted(
    rng: random.Random, row: int, n: int, kinds: dict[str, tuple[str, Callable[[random.Random], str]]]
) -> tuple[Planted, str]:
    kind = list(kinds)[n % len(kinds)]
    sentence, make = kinds[kind]
    value = make(rng)
    return Planted(row, kind, value), sentence.format(value)


def _some(rng: random.Random, letters: str, count: int) -> str:
    return "".join(rng.choices(letters, k=count))


def _card(rng: random.Random) -> str:
    digits = "4" + _some(rng, _DIGITS, 14)
    total = sum(sum(divmod(2 * int(d), 10)) if n % 2 == 0 else int(d) for n, d in enumerate(digits))
    full = digits + str(-total % 10)
    return " ".join(full[at : at + 4] for at in range(0, 16, 4))


def _iban(rng: random.Random) -> str:
    account = _some(rng, _DIGITS, 18)
    check = 98 - int(account + "131400") % 97
    full = f"DE{check:02d}{account}"
    return " ".join(full[at : at + 4] for at in range(0, 22, 4))


def _steuer_id(rng: random.Random) -> str:
    digits = rng.sample(range(1, 10), 9)
    digits.insert(rng.randint(1, 8), digits[0])
    product = 10
    for digit in digits:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return "".join(map(str, [*digits, (11 - product) % 10]))


def _dni(rng: random.Random) -> str:
    number = rng.randint(10_000_000, 99_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def _ip6(rng: random.Random) -> str:
    return "2001:db8:" + ":".join(f"{rng.randint(4096, 65535):x}" for _ in range(6))


# What each sentence holds, and how a value of it is made.
_SECRETS: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "e-mail address": ("write to {} today", lambda rng: f"{_some(rng, _LOWER, 8)}@mail.example.org"),
    "telephone, international": (
        "call {} please",
        lambda rng: f"+49 {rng.randint(30, 89)} {_some(rng, '23456789', 7)}",
    ),
    "telephone, national": ("my number is {}.", lambda rng: f"0{rng.randint(170, 179)}/{_some(rng, '23456789', 7)}"),
    "payment card": ("charge {} for it", _card),
    "IBAN": ("transfer it to {}, thanks", _iban),
    "IPv4": ("the host {} is down", lambda rng: ".".join(str(rng.randint(11, 250)) for _ in range(4))),
    "IPv6": ("the host {} is down", _ip6),
    "social security number": (
        "SSN {}",
        lambda rng: f"{rng.randint(101, 665)}-{rng.randint(10, 99)}-{rng.randint(1001, 9999)}",
    ),
    "German tax number": ("Steuer-ID {}", _steuer_id),
    "Spanish identity number": ("DNI {}", _dni),
    "OpenAI key": ("use {}", lambda rng: f"sk-proj-{_some(rng, _KEY, 40)}"),
    "GitHub token": ("clone with {}", lambda rng: f"ghp_{_some(rng, _KEY, 36)}"),
    "AWS key id": ("the key {} fails", lambda rng: f"AKIA{_some(rng, string.ascii_uppercase + _DIGITS, 16)}"),
    "Slack token": ("post by {}", lambda rng: f"xoxb-{_some(rng, _DIGITS, 12)}-{_some(rng, _KEY, 24)}"),
    "JWT": ("cookie {}", lambda rng: f"eyJ{_some(rng, _KEY, 30)}.eyJ{_some(rng, _KEY, 60)}.{_some(rng, _KEY, 43)}"),
    "Bearer header": ("Authorization: Bearer {}", lambda rng: _some(rng, _KEY, 44)),
    "assigned secret": ('api_key = "{}"', lambda rng: _some(rng, _KEY, 32)),
    "address with credentials": (
        "connect to {}",
        lambda rng: f"postgres://app:{_some(rng, _KEY, 12)}@db.example.org/main",
    ),
    "postal address": (
        "it goes to {} now",
        lambda rng: f"{_some(rng, _LOWER, 7).capitalize()}straße {rng.randint(10, 99)}",
    ),
    "name of the list": ("says {} again", lambda rng: rng.choice(NAMES)),
}
# What identifies somebody as well, and what no rule finds.
_BEYOND: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "a name that is not on the list": ("says {} again", lambda rng: f"Anneliese {_some(rng, _LOWER, 7).capitalize()}"),
    "a listed name in small letters": ("says {} again", lambda rng: "mara okonkwo"),
    "digits in words": ("call {}", lambda rng: "-".join(rng.choices(("one", "four", "seven", "nine"), k=8))),
    "somebody described": ("{} was ill in May", lambda rng: f"the-only-dentist-of-{_some(rng, _LOWER, 6)}"),
    "a pronounceable key": ("log in with {}", lambda rng: f"correct-horse-{_some(rng, _LOWER, 6)}"),
    "an account without its check digits": ("account {}", lambda rng: _some(rng, "123456789", 7)),
}


def report() -> None:
    log = make_log(5_000, seed=20, secrets=200, beyond=60)
    for by in By:
        figures = measure(log, 50, seed=1, by=by)
        drawn = figures.drawn
        print(f"\nA sample of 50 from {drawn.seen:,} requests ({drawn.distinct:,} different), drawn by {by}:")
        for name, (every, some) in [*drawn.categories.items(), *drawn.by_length]:
            print(f"  {name:<28} {every / drawn.seen:6.1%} of the log  {some / len(drawn.rows):6.1%} of the sample")
        print(f"  pairs alike by {ALIKE} or more: {figures.alike} (the most alike: {figures.most_alike:.2f})")
        print(f"  secrets left in the sample after redaction: {len(figures.left_in_sample)}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    left = left_over(rows_with(log, log.secrets), log.secrets)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    print(f"\nOf 200 planted secrets {len(left)} are left ({used:.1f} s of processor time for all 200 tasks).")
    for one in left:
        print(f"  left: {one.kind}, {one.value}")
    missed = Counter(one.kind for one in left_over(rows_with(log, log.beyond), log.beyond))
    planted = Counter(one.kind for one in log.beyond)
    print("What no rule finds, as planted beside them (missed of planted):")
    for kind, count in planted.items():
        print(f"  {kind:<38} {missed[kind]:>2} of {count}")
    print("The documented gaps: " + "; ".join(MISSED) + ".")
    _report_many(100_000)


def _report_many(rows: int) -> None:
    rng = random.Random(5)
    words = ["".join(rng.choices(_LOWER, k=5)) for _ in range(4_000)]
    sampler = Sampler()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    for n in range(rows):
        text = _prose(words, rng, 30) if n % 2 else f"{words[n % 7]} summarises the ticket {n} in one short line."
        sampler.add(category=words[n % 5], text=text, content=text)
    drawn = sampler.draw(1_000)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds, grown = after.ru_utime - usage.ru_utime, (after.ru_maxrss - usage.ru_maxrss) / 1024
    print(
        f"\n1,000 of {rows:,} rows: {seconds:.1f} s of processor time, making the rows included; peak memory grew by "
        f"{grown:.0f} MiB; {drawn.alike:,} near-duplicates passed over."
    )


if __name__ == "__main__":
    print(f"Lengths by class: {', '.join(length_name(at) for at in range(length_class(10**6) + 1))} characters.")
    report()
