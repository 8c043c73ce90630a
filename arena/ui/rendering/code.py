"""Code and JSON that stand in a text without a fence: found, and given one, before Markdown takes their indentation,
their backslashes and the stars between their factors.

Conservative: prose that is shown as code reads worse than code that is shown as prose. JSON must be valid. Of other
code there must be two lines, at the left edge, that nobody writes in prose; what is indented under them belongs to
them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["FENCE_LINE", "after_fence", "is_at_edge", "pretty_json", "with_fences"]

# An opening fence, also in a list or a quote.
FENCE_LINE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})(.*)")

# Beginnings that look like JSON and are not: each costs a reading of what follows.
_MOST_MISSES = 12
# More levels than this would be mostly indentation.
_DEEPEST_JSON = 40
# Lines in which code is looked for.
_MOST_LINES = 2000
_LONGEST_LINE = 400
_MOST_BLOCKS = 150

_HEADERS = re.compile(
    r"""(?x)
    (?:async\s+)?def\s+\w+\s*\(.*\)?\s*(?:->\s*[^:]+)?:?\s*(?:\#.*)?$
    | class\s+[A-Z]\w*\s*(?:\([^)]*\))?:\s*(?:\#.*)?$
    | (?:for\s+[\w\s,()]+\s+in\s+\S.*|while\s+\S.*[\w)\]]|if\s+\S.*[\w)\]"']|with\s+\S.*|try|else|elif\s+\S.*|
        except.*|finally):\s*(?:\#.*)?$
    """
)
_STRONG = re.compile(
    r"""(?x)
    # Python
    (?:async\s+)?def\s+\w+\s*\(.*:\s*(?:\#.*)?$
    | class\s+[A-Z]\w*\s*(?:\([^)]*\))?:\s*(?:\#.*)?$
    | from\s+[\w.]+\s+import\s+\S.*$
    | import\s+[\w.]+(?:\s+as\s+\w+)?(?:,\s*[\w.]+)*\s*$
    | @[A-Za-z_][\w.]*(?:\(.*\))?$
    | if\s+__name__\s*==.*:$
    # Braces and semicolons
    | [^\s*\-+>#|\d].*(?:\w\(.*\)|\s=\s.*|\w\[.*\].*|->\w.*|\+\+|--)\s*;\s*(?://.*|/\*.*)?$
    | [^\s*\-+>|\d].*[)\w"'\]]\s*\{\s*(?://.*|/\*.*)?$
    | (?:return\b.*|break|continue|using\s+[\w.:]+|use\s+[\w:{}, ]+|import\s+[\w.*]+|package\s+[\w.]+);$
    | package\s+[a-z]\w*$
    | [.#@:\w][\w\s.\#>:,*()-]*\{\s*(?:[\w-]+\s*:[^{};]+;\s*)+\}$
    | [})\]]+\s*[;,)]*\s*(?:else\b.*\{|catch\b.*\{|//.*)?$
    | \#include\s*[<"].*$
    | (?:const|let|var|fn|func|function|public|private|static|package|namespace|pub|impl|struct|enum|interface|export)
        \s+[\w<>*&:\[\]]+.*[=({;)].*$
    # Markup
    | <(?:!DOCTYPE|\?xml|!--)[^\n]*$
    | </?(?!(?:a|b|i|u|s|em|br|hr|p|sub|sup|span|strong|small|think|thinking|answer|code|kbd|mark|del|ins|q)\b)
        [A-Za-z][\w:.-]*(?:\s+[\w:@.-]+(?:=(?:"[^"]*"|'[^']*'|[^\s>]+))?)*\s*/?>(?:[^<>]*</[\w:.-]+>)?\s*$
    # SQL, in capitals
    | (?:SELECT|INSERT\ INTO|DELETE\ FROM|CREATE\ (?:OR\ REPLACE\ )?(?:TEMP(?:ORARY)?\ )?(?:TABLE|VIEW|INDEX|FUNCTION)|
        ALTER\ TABLE|DROP\ TABLE|FROM|WHERE|GROUP\ BY|ORDER\ BY|HAVING|(?:(?:LEFT|RIGHT|INNER|OUTER|FULL|CROSS)\ )*JOIN|
        UNION(?:\ ALL)?|VALUES|WITH\ \w+\ AS)\b[^.!?]*;?\s*$
    | UPDATE\ \w+\ SET\b.*$
    # Differences
    | diff\ --git\ .*$
    | @@\ -\d.*@@.*$
    # A shell
    | \$\ [a-z][\w./-]*(?:\s.*)?$
    | \#!\s*/\S+.*$
    """
)
_WEAK = re.compile(
    r"""(?x)
    [A-Za-z_][\w.]*(?:\[[^\]]*\])*\s*(?::\s*[\w\[\], |]+)?\s*[-+*/|&%]?=\s*\S.*$
    | [A-Za-z_][\w.]*\(.*\)?[;,]?$
    | (?:return|yield|raise|assert|del|print|pass|break|continue)\b.*$
    | (?:for\s.*\sin\s.*|while\s.*|if\s.*|with\s.*|try|else|elif\s.*|except.*|finally):\s*(?:\#.*)?$
    | ["'][^"']*["']\s*:\s*\S.*$
    | [\w-]+\s*:\s*[^.!?]*;$
    | (?:AND|OR|ON|LIMIT|OFFSET|SET)\b.*$
    """
)
_COMMENT = re.compile(r"(?:#|//|--\s|/\*|\*/|;;)")
_LIST_OR_QUOTE = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s|>|\|")
_CHANGED = re.compile(r"[-+ @\\]|$|(?:diff|index|new file|deleted file|rename) ")
_DIFF_START = re.compile(r"(?:diff --git |@@ -\d|--- [^\s-])")

_LANGUAGES = (
    (
        "python",
        re.compile(
            r"(?m)^\s*(?:(?:async\s+)?def\s+\w+\(.*:|class\s+\w+.*:|from\s+[\w.]+\s+import\b|import\s+[\w.]+(?:\s+as\s+\w+)?\s*$)"
        ),
    ),
    ("pycon", re.compile(r"(?m)^>>> ")),
    ("diff", re.compile(r"(?m)^(?:diff --git |@@ -\d)")),
    ("html", re.compile(r"(?mi)^\s*<(?:!DOCTYPE html|html|head|body|div|table|ul|ol|form|section|svg|style|script)\b")),
    ("xml", re.compile(r"(?m)^\s*</?[\w:.?-]+[^<>]*>")),
    ("sql", re.compile(r"(?m)^\s*(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER TABLE|WITH)\b")),
    ("bash", re.compile(r"(?m)^(?:\$ |#!/)")),
    ("css", re.compile(r"(?m)^[ \t]+[a-z-]+[ \t]*:[ \t]*[^;{}]+;$")),
    ("cpp", re.compile(r"(?m)^\s*(?:#include\b|std::)")),
    ("java", re.compile(r"(?m)^\s*public\s+(?:static|class|final|interface)\b")),
    ("go", re.compile(r"(?m)^\s*(?:package\s+\w+$|func\s+[\w(])")),
    ("rust", re.compile(r"(?m)^\s*(?:pub\s+)?fn\s+\w+")),
    ("javascript", re.compile(r"(?m)^\s*(?:const|let|var|function|export|async function)\s")),
)


@dataclass(frozen=True)
class _Block:
    """Lines from `first` up to `end`, without it."""

    first: int
    end: int
    language: str


def with_fences(text: str, sign: str) -> str:
    """The text with a fence around each block found; its info string begins with `sign`, by which the renderer knows
    that the fence is ours."""
    lines = text.split("\n")
    parts: list[str] = []
    at = 0
    for block in _blocks(lines):
        parts += lines[at : block.first]
        inside = lines[block.first : block.end]
        ticks = max([2, *(len(run) for line in inside for run in re.findall(r"`+", line))]) + 1
        parts += [f"{'`' * ticks}{sign}{block.language}", *inside, "`" * ticks]
        at = block.end
    return "\n".join([*parts, *lines[at:]]) if at else text


def pretty_json(text: str) -> str | None:
    """Valid JSON, a value or several one below another, with a line a member; every token as it was written, so that
    repeated keys, `1.0` and escapes stay. None where it is not valid, or too deep."""
    out: list[str] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        stop = _json_end(text, at)
        if stop is None:
            return None
        spread = _spread(text[at:stop])
        if spread is None:
            return None
        out.append(spread)
        at = _past_space(text, stop)
    return "\n".join(out) if out else None


def _blocks(lines: list[str]) -> Iterator[_Block]:
    n = misses = made = 0
    # Up to these lines a difference, and code, were looked for in vain.
    no_difference = no_code = 0
    while n < len(lines) and made < _MOST_BLOCKS:
        fence = FENCE_LINE.match(lines[n])
        if fence and not (fence[1][0] == "`" and "`" in fence[2]):
            n = after_fence(lines, n, fence[1])
            continue
        block = None
        if lines[n].lstrip()[:1] in ("{", "[") and misses < _MOST_MISSES and not lines[n].startswith("    "):
            block = _json_block(lines, n)
            misses += block is None
        if block is None and no_difference <= n < _MOST_LINES:
            block, no_difference = _difference(lines, n)
        if block is None and no_code <= n < _MOST_LINES:
            block, no_code = _code(lines, n)
        if block is None:
            n += 1
            continue
        made += 1
        yield block
        n = block.end


def after_fence(lines: list[str], n: int, ticks: str) -> int:
    """The line after the fence that opens on line n. What closes it stands as it does: at the edge, or in a quote or
    a list."""
    before = " {0,3}" if is_at_edge(lines[n]) else r"[ \t>]*"
    close = re.compile(rf"{before}{re.escape(ticks[0])}{{{len(ticks)},}}[ \t]*$")
    return next((m + 1 for m in range(n + 1, len(lines)) if close.match(lines[m])), len(lines))


def is_at_edge(line: str) -> bool:
    """Whether the fence that opens here is in no quote and no list."""
    return re.match(r" {0,3}[`~]", line) is not None


def _json_block(lines: list[str], n: int) -> _Block | None:
    """JSON that begins on this line and ends at the end of one, and what follows it of the same kind."""
    rest = "\n".join(lines[n:])
    at, end, values = _past_space(rest, 0), 0, 0
    while at < len(rest) and rest[at] in "{[":
        stop = _json_end(rest, at)
        if stop is None:
            break
        after = rest.find("\n", stop)
        if rest[stop : after if after >= 0 else None].strip():
            break
        at, end, values = _past_space(rest, stop), stop, values + 1
        # So many without a member are no JSON, and reading all of them again for each would take a second.
        if values == _MOST_MISSES and not _MEMBER.search(rest, 0, end):
            return None
    found = rest[:end].strip()
    # [1] is a footnote, [x] a box to tick, [] and {} little of either.
    if not values or (len(found) < 8 and not (n == 0 and end == len(rest.rstrip()))) or not _MEMBER.search(found):
        return None
    return _Block(n, n + rest[:end].count("\n") + 1, "json")


_MEMBER = re.compile('[":,]')


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _json_end(text: str, at: int) -> int | None:
    try:
        _, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
    return end


def _past_space(text: str, at: int) -> int:
    found = re.compile(r"[ \t\n\r]*").match(text, at)
    return found.end() if found else at


_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_OPEN, _CLOSE = {"{": "}", "[": "]"}, "}]"


def _spread(value: str) -> str | None:
    """One value of valid JSON, a line a member."""
    pieces = _JSON_TOKEN.findall(value)
    out: list[str] = []
    depth = 0
    for n, piece in enumerate(pieces):
        before = pieces[n - 1] if n else ""
        if piece in _OPEN:
            depth += 1
            if depth > _DEEPEST_JSON:
                return None
            out.append(piece)
        elif piece in _CLOSE:
            depth -= 1
            out.append(piece if before in _OPEN else "\n" + "  " * depth + piece)
        elif piece in (":", ","):
            out.append(": " if piece == ":" else ",")
            if piece == ",":
                out.append("\n" + "  " * depth)
            continue
        else:
            out.append(piece)
        if piece in _OPEN and pieces[n + 1] not in _CLOSE:
            out.append("\n" + "  " * depth)
    return "".join(out)


def _difference(lines: list[str], n: int) -> tuple[_Block | None, int]:
    """A difference that begins on this line, and up to where there is none."""
    if not _DIFF_START.match(lines[n]):
        return None, n
    end = n
    while end < len(lines) and _CHANGED.match(lines[end]):
        end += 1
    looked = end
    while end > n and not lines[end - 1].strip():
        end -= 1
    if not any(line.startswith("@@ ") for line in lines[n:end]):
        return None, looked
    return _Block(n, end, "diff"), looked


def _code(lines: list[str], n: int) -> tuple[_Block | None, int]:
    """Code that begins on this line, and up to where there is none."""
    if lines[n].startswith(">>> "):
        end = next((m for m in range(n, len(lines)) if not lines[m].strip()), len(lines))
        return _Block(n, end, "pycon"), end
    if not lines[n].strip() or lines[n][0] in " \t" or _kind(lines[n]) == "prose":
        return None, n
    strong, end = 0, n
    m = n
    while m < len(lines) and len(lines[m]) <= _LONGEST_LINE:
        line = lines[m]
        if not line.strip():
            m += 1
            continue
        gap = m > 0 and not lines[m - 1].strip()
        if line[0] in " \t":
            if not (end > n or _holds_more(lines[n])) or (gap and _LIST_OR_QUOTE.match(line.lstrip()) and not strong):
                break
            strong += end == m and bool(_HEADERS.match(lines[m - 1]))
            end = m + 1
        elif (kind := _kind(line)) == "prose":
            break
        elif kind != "comment" or (not gap and _followed_by_code(lines, m)):
            # A comment that is not between code may be a heading, as the next lines will tell.
            strong, end = strong + (kind == "strong"), m + 1
        m += 1
    if strong < 2:
        return None, m
    language = next((name for name, pattern in _LANGUAGES if pattern.search("\n".join(lines[n:end]))), "")
    return _Block(n, end, language), m


def _holds_more(line: str) -> bool:
    """Whether an indented line may belong to this one."""
    return bool(_HEADERS.match(line)) or line.rstrip().endswith(("{", "(", "[", ",", ">"))


def _kind(line: str) -> Literal["strong", "weak", "comment", "prose"]:
    """What a line at the left edge is evidence of."""
    if len(line) > _LONGEST_LINE or _LIST_OR_QUOTE.match(line):
        return "prose"
    if _STRONG.match(line):
        return "strong"
    if _WEAK.match(line):
        return "weak"
    return "comment" if _COMMENT.match(line) else "prose"


def _followed_by_code(lines: list[str], n: int) -> bool:
    following = lines[n + 1] if n + 1 < len(lines) else ""
    return bool(following.strip()) and (
        following[0] in " \t" or bool(_STRONG.match(following) or _WEAK.match(following))
    )
