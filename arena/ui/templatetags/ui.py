"""What templates write: figures, times, links to places, and the parts that need a little Python.

Filters are thin: how a figure is written is decided in `arena.ui.numbers`, where a mark lies in
`arena.ui.scales`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.http import HttpRequest
from django.template.base import Parser, Token
from django.template.context import RequestContext
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import conditional_escape, escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy

from arena.models import Role, User
from arena.ui import charts, numbers, scales, wording

register = template.Library()

THEMES = ("light", "dark")
PLACES = (
    ("vote", "evals:vote", gettext_lazy("Vote")),
    ("leaderboards", "evals:leaderboard-list", gettext_lazy("Leaderboards")),
    ("runs", "evals:run-list", gettext_lazy("Runs")),
    ("task-sets", "evals:task-set-list", gettext_lazy("Task sets")),
    ("contenders", "evals:contender-list", gettext_lazy("Contenders")),
    ("reviewers", "evals:reviewer-list", gettext_lazy("Reviewers")),
    ("quarantine", "evals:quarantine", gettext_lazy("Quarantine")),
    ("routing", "routing:live", gettext_lazy("Routing")),
)


@register.filter
def within(name: str) -> str:
    """A name inside a sentence: "Code" as code, but "SQL" and "JSON extraction" as they are."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


register.filter("count", numbers.whole)
register.filter("pace", numbers.pace)
register.filter("points", numbers.points)
register.filter("rating", numbers.points)
register.filter("percent", numbers.rate)
register.filter("chance", numbers.chance)
register.filter("seconds", numbers.span)
register.filter("duration", numbers.duration)
register.filter("usd", numbers.money)
register.filter("svg_percent", scales.percent)


@register.filter
def counted(n: int, noun: str) -> str:
    """`{{ n|counted:"vote" }}`: 1 vote, 1,204 votes; `"category,categories"` where no s makes the plural."""
    return f"{n:,} {plural(n, noun)}"


@register.filter
def plural(n: int, noun: str) -> str:
    """The noun alone, or a verb that goes with it: `{{ n|plural:"is,are" }}`."""
    one, _, many = noun.partition(",")
    return wording.plural(n, one, many or None)


@register.filter
def ms(value: float | None) -> str:
    """A first token's latency: 310 ms, 1.2 s."""
    return numbers.span(value, fine=True)


@register.filter
def cell(text: str) -> str | SafeString:
    """A written figure as a table shows it: what is absent is fainter than what is there."""
    if text in (numbers.NONE, numbers.NO_PRICE):
        return format_html('<span class="faint">{}</span>', text)
    return text


@register.filter
def ago(moment: dt.datetime | None) -> str | SafeString:
    """`4 minutes ago`, with the full time in `<time>`. Days are the reader's to count up to a month."""
    if moment is None:
        return numbers.NONE
    return _time(moment, _ago((timezone.now() - moment).total_seconds(), moment))


@register.filter
def when(moment: dt.datetime | None) -> str | SafeString:
    """`today 09:12`, `yesterday 09:00`, `19 Nov 16:40`: for lists and histories."""
    if moment is None:
        return numbers.NONE
    local, today = timezone.localtime(moment), timezone.localdate()
    at = f"{local:%H:%M}"
    if local.date() == today:
        return _time(moment, f"today {at}", form="when")
    if local.date() == today - dt.timedelta(days=1):
        return _time(moment, f"yesterday {at}", form="when")
    year = "" if local.year == today.year else f" {local.year}"
    return _time(moment, f"{local.day} {local:%b}{year} {at}", form="when")


@register.filter
def clock(moment: dt.datetime | None) -> str | SafeString:
    """`11:52`, for what is about to happen."""
    if moment is None:
        return numbers.NONE
    return _time(moment, f"{timezone.localtime(moment):%H:%M}", form="clock")


def _ago(seconds: float, moment: dt.datetime) -> str:
    steps = ((90, 1, "second"), (90 * 60, 60, "minute"), (36 * 3600, 3600, "hour"), (31 * 86400, 86400, "day"))
    if seconds < 10:
        return "just now"
    for below, unit, name in steps:
        if seconds < below:
            return f"{wording.count(round(seconds / unit), name)} ago"
    local = timezone.localtime(moment)
    return f"on {local.day} {local:%b %Y}"


def _time(moment: dt.datetime, text: str, *, form: str = "") -> SafeString:
    """`form` tells `page.js` how to write the moment again by the reader's own clock; the server's is the fallback."""
    full = f"{timezone.localtime(moment):%d %B %Y, %H:%M:%S %Z}".lstrip("0")
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        moment.isoformat(timespec="seconds"),
        full,
        format_html(' data-form="{}"', form) if form else "",
        text,
    )


@register.filter
def mono(text: str, names: Iterable[str] | None) -> SafeString:
    """Prose with the given slugs set in the mono face. The text is escaped here."""
    escaped = escape(text)
    known = sorted(names or (), key=len, reverse=True)
    if not known:
        return escaped
    # A slug ends before a full stop, but `gpt-4` is not found inside `gpt-4@2` or `gpt-4-mini`.
    pattern = rf"(?<![\w@.-])({'|'.join(re.escape(escape(name)) for name in known)})(?![\w@-]|\.\w)"
    return mark_safe(re.sub(pattern, r'<span class="mono">\1</span>', escaped))  # noqa: S308 (escaped above)


@register.filter
def highlit(text: str, phrase: str) -> SafeString:
    """The phrase's first clause as the one number to act on: where the text says it, else as a sentence of its own.

    Text that is not marked as escaped, as `mono`'s is, is escaped here.
    """
    text = conditional_escape(text)
    clause, _, rest = phrase.partition(", ")
    if not clause:
        return text
    # Not by folding case: folded text may be longer, and its places are not those of the text.
    found = re.search(re.escape(escape(clause)), text, re.IGNORECASE)
    if found is None:
        tail = format_html(' That takes <span class="hi">{}</span>{}.', clause, rest and f", {rest}")
        return text + tail
    at, end = found.span()
    return mark_safe(f'{text[:at]}<span class="hi">{text[at:end]}</span>{text[end:]}')  # noqa: S308 (escaped above)


class Lead(Protocol):
    """What `lead_gap` needs of a decision."""

    lead: float | None
    low: float | None
    high: float | None
    margin: float
    challenger: str | None


@register.filter
def lead_gap(decision: Lead) -> charts.Gap | None:
    if decision.lead is None or decision.low is None or decision.high is None:
        return None
    return charts.gap(
        low=decision.low, lead=decision.lead, high=decision.high, margin=decision.margin, who=decision.challenger or ""
    )


@register.filter
def may(user: object, role: str) -> bool:
    """`{% if user|may:"editor" %}`: whether the reader's role reaches that far. Nobody signed in may nothing."""
    return isinstance(user, User) and user.may(Role(role))


# The lowest role that opens a place, where that is not everyone's.
_PLACES_FROM = {"vote": Role.REVIEWER, "reviewers": Role.EDITOR, "quarantine": Role.EDITOR}


@register.filter
def may_open(user: object, place: str) -> bool:
    """`{% if user|may_open:"reviewers" %}`: whether the place is in the reader's bar."""
    return may(user, _PLACES_FROM.get(place, Role.VIEWER))


@register.filter
def get(mapping: Mapping[str, object] | None, key: str) -> object:
    """A dictionary's value by a key that is itself a variable; empty if there is none."""
    return mapping.get(key, "") if mapping else ""


@register.filter
def more_than(value: float, bound: float) -> bool:
    return value > bound


@register.filter
def control(field: BoundField) -> SafeString:
    """A form field's control, dressed, and described by the one line that stands under it."""
    attrs: dict[str, str | bool] = {}
    if field.errors:
        attrs = {"aria-describedby": f"{field.auto_id}_error", "aria-invalid": "true"}
    if not isinstance(field.field.widget, CheckboxInput | CheckboxSelectMultiple | RadioSelect):
        attrs["class"] = f"{field.field.widget.attrs.get('class', '')} input".strip()
    return field.as_widget(attrs=attrs)


@register.filter
def is_checkbox(field: BoundField) -> bool:
    return isinstance(field.field.widget, CheckboxInput)


# A state looks the same wherever it is named: live, good, warn, bad, or data for a plain fact.
BADGE_KINDS: Mapping[str, str] = {
    "collecting": "live",
    "delivered": "good",
    "deactivated": "warn",
    "disabled": "warn",
    "done": "good",
    "enabled": "data",
    "failed": "bad",
    "first": "good",
    "frozen": "warn",
    "held": "warn",
    "in force": "live",
    "kept out": "bad",
    "live": "live",
    "local only": "data",
    "paused": "warn",
    "pinned": "data",
    "retrying": "warn",
    "rollback": "warn",
    "routed": "live",
    "switched": "good",
}


@register.simple_tag
def badge(words: str, kind: str | None = None) -> SafeString:
    """One or two words in a badge. Without `kind` it is the one that `BADGE_KINDS` has for the words, else neutral."""
    kind = BADGE_KINDS.get(words, "") if kind is None else kind
    return format_html('<span class="badge{}">{}</span>', f" badge--{kind}" if kind else "", words)


@register.simple_tag(takes_context=True)
def theme(context: RequestContext) -> str:
    """`light` or `dark` where the reader chose, else empty: the machine's own."""
    request: HttpRequest | None = context.get("request")
    chosen = request.COOKIES.get("theme", "") if request else ""
    return chosen if chosen in THEMES else ""


class PlacesNode(template.Node):
    child_nodelists = ("nodelist",)

    def __init__(self, nodelist: template.NodeList) -> None:
        self.nodelist = nodelist

    def render(self, context: template.Context) -> SafeString:
        place = self.nodelist.render(context).strip()
        # A page of its own request: the menus need its person and its CSRF token.
        return render_to_string("ui/_places.html", {"places": PLACES, "place": place}, context.get("request"))


@register.tag
def places(parser: Parser, token: Token) -> PlacesNode:
    """The places; what the tag encloses names the current one. A block can be given only once in a template, and the
    name is compared with each."""
    nodelist = parser.parse(("endplaces",))
    parser.delete_first_token()
    return PlacesNode(nodelist)
