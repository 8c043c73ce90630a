"""Looks up the names in a file: tasks by their ids, once for each task set, and contenders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from arena.errors import FieldError
from evals.catalog.names import BadValueError, derived_slug, is_clean
from evals.catalog.queries.task_sets import KnownTask, known_tasks
from evals.catalog.services import contenders
from evals.catalog.services.task_sets import TaskSetError, check_task_set_slug
from evals.models import Contender, Provider
from evals.transfer.files.errors import Problems
from evals.transfer.files.values import is_missing, name_text

__all__ = ["KnownTasks", "Named", "contenders_named"]


class KnownTasks:
    def __init__(self) -> None:
        self._sets: dict[str, dict[str, KnownTask]] = {}
        # Of each set, those whose ids a spreadsheet wrote as 7.0, by 7.
        self._spread: dict[str, dict[str, KnownTask]] = {}

    @property
    def seen(self) -> tuple[str, ...]:
        return tuple(self._sets)

    def task_set(self, value: Any, default: str) -> str:
        """The row's own task set, or the one the caller gave."""
        if is_missing(value):
            return default
        slug = name_text(value, "task_set", longest=80)
        if slug not in self._sets:
            try:
                check_task_set_slug(slug)
            except TaskSetError as error:
                raise BadValueError(str(error)) from None
        return slug

    def find(self, task_set: str, external_id: str) -> KnownTask | None:
        """`external_id` as `id_text` reads it: 7 also finds the 7.0 of a task set that was imported before it did."""
        return self.of(task_set).get(external_id) or self._spread[task_set].get(external_id)

    def check_id(self, task_set: str, external_id: str) -> None:
        """Raises BadValueError for an id that may stand for either of two tasks."""
        if external_id in self.of(task_set) and external_id in self._spread[task_set]:
            raise BadValueError(
                f"task set {task_set} has both “{external_id}” and “{external_id}.0”, which files do not tell apart. "
                "Rename one of them in the task set."
            )

    def of(self, task_set: str) -> dict[str, KnownTask]:
        if task_set not in self._sets:
            known = self._sets[task_set] = known_tasks(task_set)
            self._spread[task_set] = {
                one.removesuffix(".0"): task
                for one, task in known.items()
                if one.endswith(".0") and one[:-2].isdecimal()
            }
        return self._sets[task_set]


_REVISION = re.compile(r"@[1-9][0-9]{0,3}$")

Named = dict[str, Contender]


def contenders_named(names: Mapping[str, int], *, chosen: Mapping[str, str], problems: Problems) -> Named:
    """The contender of each name, created if it is new; `names` holds the line on which each is first named.

    A name means, in this order: the contender the caller chose for it, a contender with this slug, one imported before
    under this name, or a new one. A name that is valid in addresses is its own slug; for any other ("LLaMA-2-Chat
    (70B)") a slug is derived (`llama-2-chat-70b`) and the name kept as `model_name`. Two names that would be one
    contender are a problem: only the caller can say whether they are the same.
    """
    slugs = _slugs(names, chosen)
    known = {one.slug: one for one in _having("slug", slugs.values())}
    made: Named = {}
    taken: dict[str, str] = {}
    for name, slug in slugs.items():
        line = names[name]
        other = name if name in chosen else taken.setdefault(slug, name)
        if other != name:
            problems.add(line, _clash(name, slug, f"“{other}” on line {names[other]}"))
            continue
        contender = known.get(slug)
        if contender is not None and name not in chosen and name not in (slug, contender.model_name):
            problems.add(line, _clash(name, slug, f"the contender whose model is “{contender.model_name}”"))
            continue
        try:
            made[name] = _used(contender or contenders.imported_contender(slug=slug, model_name=name))
        except FieldError as error:
            problems.add(line, f"model “{name}”: {error} Choose one with --contender “{name}=…”.")
    return made


def _slugs(names: Mapping[str, int], chosen: Mapping[str, str]) -> dict[str, str]:
    existing = {one.slug for one in _having("slug", names)}
    before: dict[str, set[str]] = {}
    for one in _having("model_name", names):
        if one.provider.kind == Provider.Kind.IMPORTED:
            before.setdefault(one.model_name, set()).add(one.slug)
    slugs = {}
    for name in names:
        if name in chosen:
            slugs[name] = chosen[name]
        elif name in existing or is_clean(_REVISION.sub("", name)):
            slugs[name] = name
        elif len(before.get(name, ())) == 1:
            slugs[name] = next(iter(before[name]))
        else:
            slugs[name] = derived_slug(name, longest=contenders.FAMILY_LENGTH, dots=True)
    return slugs


def _having(column: str, values: Iterable[str]) -> list[Contender]:
    wanted = sorted(set(values))
    found: list[Contender] = []
    for start in range(0, len(wanted), 500):
        found += Contender.objects.select_related("provider").filter(**{f"{column}__in": wanted[start : start + 500]})
    return found


def _used(contender: Contender) -> Contender:
    """Freezes it: outputs and votes refer to it from now on, so its settings must not change."""
    if contender.used_at is None:
        contenders.freeze(contender)
    return contender


def _clash(name: str, slug: str, other: str) -> str:
    return (
        f"model “{name}” would be contender {slug}, and so would {other}. If they are the same, say so with "
        f'--contender "{name}={slug}"; else choose another slug there.'
    )
