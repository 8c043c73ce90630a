"""Which contender a file means by a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from evals.models import Contender, Provider
from evals.services.contenders import saving as contenders
from evals.services.fields import FieldError
from evals.services.importing.errors import Problems
from evals.services.naming import derived_slug
from evals.services.slugs import is_clean

__all__ = ["Named", "contenders_named"]

_REVISION = re.compile(r"@[1-9][0-9]{0,3}$")

Named = dict[str, Contender]


def contenders_named(names: Mapping[str, int], *, chosen: Mapping[str, str], problems: Problems) -> Named:
    """The contender of each name, made if it is new; `names` holds the line where each first stands.

    A name is, in this order: what the caller chose for it, a contender's slug, the original name of one that was
    imported before, and else a new contender. A name that can stand in addresses is its slug as it is; of any
    other ("LLaMA-2-Chat (70B)") the slug is derived (`llama-2-chat-70b`) and the name kept as `model_name`.
    Two names that would come to one contender are a problem: only the caller can say whether they are the same.
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
    """Outputs and votes hang on it from now on, so its settings may not change under them."""
    if contender.used_at is None:
        contenders.freeze(contender)
    return contender


def _clash(name: str, slug: str, other: str) -> str:
    return (
        f"model “{name}” would be contender {slug}, and so would {other}. If they are the same, say so with "
        f'--contender "{name}={slug}"; else choose another slug there.'
    )
