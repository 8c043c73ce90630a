"""The policy as forms: one place at a time (every category, one category, the table), its routes one below another.

    editor = Editor.stored(document, "categories.code", base=7)      # what is in force
    editor = Editor.posted(request.POST, document, "categories.code")    # what was typed
    editor.document()                                                # the whole policy with it
    editor.refuse(error)                                             # each error at its field

The fields are those of `routing.policy.schema`; only their grouping is said here. Reading is lenient on purpose: what
is typed becomes a number where it is one, stays text where it is not, and `routing.policy.parse.parse` alone says what
is wrong with it, in the words that a document would get.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

from django import forms
from django.http import QueryDict

from routing.audit_forms import ReasonForm
from routing.policy.kinds import Choice, Flag, Many, Number, Rule, Slug, rules_of
from routing.policy.parse import PolicyError, default_document, in_present_words
from routing.policy.schema import (
    BUDGETS,
    CONDITIONS,
    CategoryRules,
    Complexity,
    Document,
    FixedRoute,
    Gate,
    Limits,
    RouteRules,
    When,
)
from routing.policy.text import LONGEST, Form, PolicyTextError, form_of, read_text, write_text

__all__ = ["EVERY", "FORM_ACTIONS", "MOST_ROUTES", "WHOLE", "Editor", "FieldsForm", "PinForm", "PolicyDocumentForm"]

EVERY, WHOLE = "every_category", ""
# A place with more routes than this is edited as a document: browsers send at most a thousand fields.
MOST_ROUTES = 25
# What a button may do to the form alone.
FORM_ACTIONS = frozenset({"add", "remove", "up", "down", "own", "share"})
# Typed in a field to say that nothing holds, where an empty field would inherit.
NOTHING = "none"


@dataclass(frozen=True)
class Group:
    """Fields by their paths, as a document has them from the form's own place on. `folded`: shown only once something
    stands in it, or one opens it."""

    title: str
    why: str
    rules: Mapping[str, Rule]
    folded: bool = False


def _rules(record: Any, *first: str, under: str = "", alone: bool = False) -> dict[str, Rule]:
    """A record's fields: those named, in that order, then the others, unless the named stand `alone`."""
    rules = dict(rules_of(record))
    if record in (RouteRules, FixedRoute):
        # A route inherits none of these, so an empty field says as much as none.
        rules |= {one.name: replace(rules[one.name], nullable=False) for one in fields(record) if one.default is None}
    names = dict.fromkeys([*first, *(() if alone else rules)])
    return {f"{under}.{name}" if under else name: rules[name] for name in names}


def _conditions() -> dict[str, Rule]:
    """What a request is like, then budgets."""
    budgets = [name for name in CONDITIONS if name in BUDGETS]
    return _rules(When, *(name for name in CONDITIONS if name not in BUDGETS), *budgets, under="when")


_LIMITS = _rules(Limits, under="limits")
_LIMITS_WHY = "A contender that breaches one, or is not measured for it, is not routed, not even as a fallback."
_WHEN_WHY = "All that is filled in must hold. Nothing filled in always holds."

RULES: tuple[Group, ...] = (
    Group(
        "Goal",
        "What routes look for, and what stands in.",
        _rules(
            CategoryRules,
            *("objective", "quality_margin", "min_gain", "default"),
            *("fallbacks", "fallback_to", "second_provider", "exclude"),
            alone=True,
        ),
    ),
    Group("Hard limits", _LIMITS_WHY, _LIMITS),
    Group("Gate", "What a change on the votes needs.", _rules(Gate, "mode", under="gate")),
)

ROUTE: tuple[Group, ...] = (
    Group("When", _WHEN_WHY, _rules(RouteRules, "name", alone=True) | _conditions()),
    Group(
        "Then",
        "Empty: as the category says.",
        _rules(
            RouteRules,
            *("objective", "quality_margin", "pin", "escalate_to", "fallback_to", "second_provider"),
            alone=True,
        ),
    ),
    Group("Limits of this route", "They add to the category's; none lifts one.", _LIMITS, folded=True),
)

FIXED: tuple[Group, ...] = (
    Group("When", _WHEN_WHY, _rules(FixedRoute, "name", alone=True) | _conditions(), folded=True),
    Group("Then", "", _rules(FixedRoute, "primary", "fallbacks", "escalate_to", alone=True)),
)

TABLE: tuple[Group, ...] = (
    Group(
        "Age",
        "A table is published again when its evidence has grown old.",
        _rules(Document, "refresh_every_hours", "expires_after_hours", "on_expired", alone=True),
    ),
    Group(
        "Complexity",
        "From 0 to 1, by length and markers of work; where a caller does not say it.",
        _rules(Complexity, "medium_from", "complex_from", under="complexity", alone=True),
    ),
)


def _typed(value: Any) -> str:
    """As one would type it."""
    if value is None or value == []:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value) and abs(value) < 10**15:
        return str(int(value))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(rule: Rule, text: str) -> Any:
    """What `text` says, never refused. Only for text that is not empty."""
    text, kind = text.strip(), rule.kind
    many = isinstance(kind, Many)
    if text == NOTHING and (many or rule.nullable):
        return [] if many else None
    if isinstance(kind, Many):
        words = [word for word in re.split(r"\s*[,\n]\s*", text) if word]
        return [_number(word) for word in words] if isinstance(kind.item, Number) else words
    if isinstance(kind, Number):
        return _number(text)
    if isinstance(kind, Flag) and text in ("true", "false"):
        return text == "true"
    return text


def _number(text: str) -> Any:
    try:
        made = float(text)
    except ValueError:
        return text
    if not math.isfinite(made) or "_" in text:
        return text
    return int(text) if re.fullmatch(r"[+-]?\d{1,15}", text) else made


def _at(nested: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    """Whether `nested` says something at the path, and what."""
    value: Any = nested
    for step in path.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return False, None
        value = value[step]
    return True, value


class Shown(NamedTuple):
    """A group of fields as a template shows it; `open` while something stands in a folded one, or is wrong there."""

    title: str
    why: str
    fields: tuple[forms.BoundField, ...]
    folded: bool
    open: bool


class FieldsForm(forms.Form):
    """`texts` are what stands in the fields, by path; `inherited` is what holds where nothing does, None where an empty
    field means nothing, such as no limit."""

    def __init__(
        self,
        groups: Sequence[Group],
        *,
        prefix: str,
        texts: Mapping[str, str],
        inherited: Mapping[str, Any] | None = None,
    ) -> None:
        self.groups = groups
        self.declared = dict(_every(groups))
        self.inherits = inherited is not None
        # Bound, so that errors have a place; nothing is required and nothing refused here.
        super().__init__({f"{prefix}-{path}": text for path, text in texts.items()}, prefix=prefix)
        for path, rule in self.declared.items():
            self.fields[path] = _field(path, rule, inherited)

    @classmethod
    def texts_of(cls, groups: Sequence[Group], values: Mapping[str, Any], *, spelled: bool = False) -> dict[str, str]:
        """The text of each field for a document's values. Where everything is `spelled` out, no field is empty."""
        texts = {}
        for path, rule in _every(groups):
            is_set, value = _at(values, path)
            nothing = value is None or value == []
            if is_set and not (nothing and (spelled or not (rule.nullable or value == []))):
                texts[path] = _typed(value)
        return texts

    @property
    def texts(self) -> dict[str, str]:
        typed_in = {path: str(self.data.get(self.add_prefix(path), "")) for path in self.declared}
        return {path: text for path, text in typed_in.items() if text.strip()}

    def values(self) -> dict[str, Any]:
        """As the document has them. A field that is empty is left out if its value is inherited, and if it can be
        nothing, nothing is written: else the default would come back."""
        made: dict[str, Any] = {}
        texts = self.texts
        for path, rule in self.declared.items():
            if path not in texts and (self.inherits or not rule.nullable):
                continue
            *holders, name = path.split(".")
            inner = made
            for holder in holders:
                inner = inner.setdefault(holder, {})
            inner[name] = _read(rule, texts[path]) if path in texts else None
        return made

    def shown(self) -> list[Shown]:
        texts, errors = self.texts, self.errors
        made = []
        for group in self.groups:
            open_ = any(path in texts or path in errors for path in group.rules)
            made.append(Shown(group.title, group.why, tuple(self[path] for path in group.rules), group.folded, open_))
        return made


def _every(groups: Iterable[Group]) -> Iterable[tuple[str, Rule]]:
    return [one for group in groups for one in group.rules.items()]


def _field(path: str, rule: Rule, inherited: Mapping[str, Any] | None) -> forms.CharField:
    is_set, value = _at(inherited or {}, path)
    attrs = {"autocomplete": "off", "spellcheck": "false"}
    widget: forms.Widget
    if isinstance(rule.kind, Choice | Flag):
        widget = forms.Select(choices=_choices(rule, is_set, value, inherits=inherited is not None))
    else:
        if isinstance(rule.kind, Slug):
            attrs |= {"list": "contenders", "class": "mono"}
        elif isinstance(rule.kind, Number):
            attrs |= {"inputmode": "decimal"}
        attrs["placeholder"] = _typed(value) if is_set else ""
        widget = forms.TextInput(attrs=attrs)
    return forms.CharField(
        required=False, strip=False, max_length=5_000, label=rule.label, help_text=rule.help, widget=widget
    )


def _choices(rule: Rule, is_set: bool, value: Any, *, inherits: bool) -> list[tuple[str, str]]:
    words = dict(rule.kind.choices)
    if not inherits:
        return [("", "any"), *words.items()] if rule.nullable else [*words.items()]
    now = words.get(_typed(value), "any") if is_set else "any request"
    unset = [("", f"{now} (inherited)" if is_set else now)]
    return [*unset, *words.items(), *([(NOTHING, "any")] if rule.nullable else [])]


class Editor:
    """One place of the policy as it is being edited. `document` is the policy it is edited in, as stored."""

    def __init__(
        self,
        place: str,
        document: Mapping[str, Any],
        *,
        rules: Mapping[str, str],
        routes: Sequence[Mapping[str, str]] | None,
        reason: ReasonForm,
        base: int,
    ) -> None:
        self.place, self.base, self.reason = place, base, reason
        self.before = document
        self.inherited: Mapping[str, Any] | None = None
        if place not in (EVERY, WHOLE):
            self.inherited = document[EVERY]
        self.own_routes = routes is not None
        self.rules = FieldsForm(
            TABLE if place == WHOLE else RULES, prefix="rules", texts=rules, inherited=self.inherited
        )
        self.routes = self._forms(routes or ())
        self.other_errors: list[str] = []

    # What a place starts from

    @classmethod
    def stored(cls, document: Mapping[str, Any] | None, place: str, *, base: int) -> Self:
        document = in_present_words(document or default_document())
        values = _values_at(document, place)
        routes = values.get("default" if place == WHOLE else "routes")
        groups = FIXED if place == WHOLE else ROUTE
        return cls(
            place,
            document,
            rules=FieldsForm.texts_of(TABLE if place == WHOLE else RULES, values, spelled=place == EVERY),
            routes=None if routes is None else [FieldsForm.texts_of(groups, route) for route in routes],
            reason=ReasonForm(),
            base=base,
        )

    @classmethod
    def posted(cls, data: QueryDict, document: Mapping[str, Any] | None, place: str) -> Self:
        """What was typed; `act`s that only change the form (a route more) are carried out."""
        routes: list[dict[str, str]] | None = None
        if place in (EVERY, WHOLE) or data.get("own_routes") == "1":
            routes = [_texts(data, f"routes-{n}") for n in range(min(_whole(data.get("routes", "")), MOST_ROUTES))]
        made = cls(
            place,
            in_present_words(document or default_document()),
            rules=_texts(data, "rules"),
            routes=routes,
            # Only saving needs one; until then what is typed just stays.
            reason=ReasonForm(data)
            if data.get("act") == "save"
            else ReasonForm(initial={"reason": data.get("reason")}),
            base=_whole(data.get("base", "")),
        )
        made._act(data.get("act", ""))
        return made

    def _forms(self, routes: Sequence[Mapping[str, str]]) -> list[FieldsForm]:
        groups = FIXED if self.place == WHOLE else ROUTE
        return [
            FieldsForm(groups, prefix=f"routes-{n}", texts=texts, inherited=self._route_inherits())
            for n, texts in enumerate(routes)
        ]

    def _route_inherits(self) -> dict[str, Any]:
        """What a route leaves to its category; nothing of it is true of the table's own."""
        if self.place == WHOLE:
            return {}
        base = self.inherited or default_document()[EVERY]
        values = self.rules.values()
        names = ("objective", "quality_margin", "fallback_to", "second_provider")
        inherited = {name: values.get(name, base[name]) for name in names}
        return inherited | {"limits": {**base["limits"], **values.get("limits", {})}}

    # What a button does to the form alone

    def _act(self, act: str) -> None:
        name, _, number = act.partition("-")
        routes = [form.texts for form in self.routes]
        n = _whole(number, len(routes))
        match name:
            case "add":
                # In front of the one that always holds: after it none is reached.
                last = routes[-1:] if routes and not any(path.startswith("when.") for path in routes[-1]) else []
                routes = [*routes[: len(routes) - len(last)], {}, *last]
            case "remove" if n < len(routes):
                routes.pop(n)
            case "up" if 0 < n < len(routes):
                routes[n - 1 : n + 1] = reversed(routes[n - 1 : n + 1])
            case "down" if n + 1 < len(routes):
                routes[n : n + 2] = reversed(routes[n : n + 2])
            case "own":
                inherited = self.before[EVERY]["routes"]
                routes, self.own_routes = [FieldsForm.texts_of(ROUTE, route) for route in inherited], True
            case "share":
                routes, self.own_routes = [], False
        self.routes = self._forms(routes)

    # What it comes to

    def document(self) -> dict[str, Any]:
        """The whole policy with this place as it was typed."""
        made = dict(self.before)
        values, routes = self.rules.values(), [form.values() for form in self.routes]
        if self.place == WHOLE:
            return {
                "schema": made["schema"],
                **{name: made[name] for name in (EVERY, "categories")},
                **values,
                "default": routes,
            }
        if self.own_routes:
            values["routes"] = routes
        if self.place == EVERY:
            return made | {EVERY: values}
        slug = self.place.removeprefix("categories.")
        others = {name: given for name, given in made["categories"].items() if name != slug}
        return made | {"categories": others | ({slug: values} if values else {})}

    def refuse(self, error: PolicyError) -> None:
        """Each error at its field; what has none here keeps its name."""
        for one in error.errors:
            form, path = self._field_of(one.field)
            if form is None:
                self.other_errors.append(str(one))
            elif path in form.fields:
                form.add_error(path, one.message)
            else:
                form.add_error(None, one.message)

    def _field_of(self, field: str) -> tuple[FieldsForm | None, str]:
        inside = f"{self.place}." if self.place else ""
        if not field.startswith(inside):
            return None, field
        path = field.removeprefix(inside)
        routes = re.match(r"(?:routes|default)\[(\d+)\]\.?(.*)", path)
        if routes and int(routes[1]) < len(self.routes):
            return self.routes[int(routes[1])], re.sub(r"\[\d+\]$", "", routes[2])
        path = re.sub(r"\[\d+\]$", "", path)
        return (self.rules, path) if path in self.rules.fields else (None, path)

    @property
    def wrong(self) -> int:
        """How many fields are marked."""
        return sum(len(form.errors) for form in (self.rules, *self.routes)) + len(self.other_errors)


def _values_at(document: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    if place == WHOLE:
        return document
    if place == EVERY:
        return document[EVERY]  # type: ignore[no-any-return]  # a stored policy has it
    found: Mapping[str, Any] = document["categories"].get(place.removeprefix("categories."), {})
    return found


def _texts(data: QueryDict, prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(f"{prefix}-"): str(value) for name, value in data.items() if name.startswith(f"{prefix}-")
    }


def _whole(text: str, otherwise: int = 0) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else otherwise


class PinForm(ReasonForm):
    """Whom a category's route is pinned to. Routes are by name; the choice of them is there where there are several."""

    contender = forms.ChoiceField(error_messages={"invalid_choice": "“%(value)s” is not a contender in use."})
    route = forms.ChoiceField(required=False, help_text="The others stay as they are.")
    base = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)
    field_order = ("contender", "route", "reason")

    def __init__(
        self, data: Any = None, *, needed: bool, contenders: Sequence[str], routes: Sequence[tuple[str, str]]
    ) -> None:
        super().__init__(data, needed=needed)
        if not contenders:
            del self.fields["contender"]
        else:
            self.fields["contender"].choices = [(slug, slug) for slug in contenders]  # type: ignore[attr-defined]
        self.fields["route"].choices = routes  # type: ignore[attr-defined]  # a choice field


class PolicyDocumentForm(ReasonForm):
    """The policy as one text. A file that is uploaded takes the place of what was typed, and is shown in it."""

    document = forms.CharField(
        max_length=LONGEST,
        strip=False,
        required=False,
        label="Policy",
        help_text="JSON or YAML. What a category does not say, every_category says.",
        widget=forms.Textarea(attrs={"rows": 30, "class": "mono", "spellcheck": "false", "wrap": "off"}),
    )
    file = forms.FileField(
        required=False,
        label="Or from a file",
        help_text="Takes the place of what stands above.",
        widget=forms.FileInput(attrs={"accept": ".json,.yaml,.yml,application/json,application/yaml"}),
    )
    base = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)
    field_order = ("document", "file", "reason")

    def __init__(self, data: Any = None, files: Any = None, **kwargs: Any) -> None:
        if data is not None and files:
            data = data.copy()
            self.unreadable = self._put(data, files.get("file"))
        super().__init__(data, files, **kwargs)

    unreadable = ""

    @staticmethod
    def _put(data: Any, file: Any) -> str:
        """The file's text in place of the typed one, or an error if it cannot be read."""
        if file is None:
            return ""
        if (file.size or 0) > 4 * LONGEST:
            return f"{file.name} has {file.size:,} bytes; a policy has at most {LONGEST:,} characters."
        try:
            data["document"] = file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            return f"{file.name} is not text in UTF-8: byte {error.start + 1:,} cannot be read."
        return ""

    def clean_file(self) -> None:
        if self.unreadable:
            raise forms.ValidationError(self.unreadable)

    def clean_document(self) -> Any:
        """Parses the text. Checking and saving decide whether it is a valid policy."""
        text = self.cleaned_data["document"]
        if not text.strip():
            raise forms.ValidationError("Nothing is written here. Paste a policy, or choose a file.")
        try:
            return read_text(text)
        except PolicyTextError as error:
            raise forms.ValidationError(str(error)) from None

    @property
    def written(self) -> Form | None:
        """The form of what was typed; None if nothing was."""
        return form_of(self.data["document"]) if self.is_bound and self.data.get("document") else None

    def write(self, document: Mapping[str, Any], form: Form) -> None:
        """Shows what was typed in this form."""
        self._put_back("document", write_text(document, form))

    def go_on_from(self, base: int) -> None:
        """Saved once more, it goes over this version."""
        self._put_back("base", str(base))

    def _put_back(self, name: str, value: str) -> None:
        data: Any = self.data
        self.data = data.copy()
        self.data[name] = value  # type: ignore[index]  # a copied QueryDict can be written

    def refuse(self, error: PolicyError) -> None:
        """Each wrong field on a line of its own."""
        for one in error.errors:
            self.add_error("document", str(one))
