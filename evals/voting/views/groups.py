"""Groups of reviewers: who is in them, and which categories they judge."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from arena.accounts.roles import person, role_required
from arena.models import Role
from evals.models import Reviewer, ReviewerGroup
from evals.voting.forms import GroupForm
from evals.voting.groups import (
    GroupError,
    add_member,
    change_group,
    create_group,
    group_lines,
    members,
    people_to_add,
    remove_member,
)
from evals.voting.invitations import invitations

__all__ = ["group", "group_list", "group_member_add", "group_member_remove"]


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def group_list(request: HttpRequest) -> HttpResponse:
    error = ""
    if request.method == "POST":
        try:
            made = create_group(name=request.POST.get("name", ""), actor=person(request))
        except GroupError as refused:
            error = str(refused)
        else:
            return redirect("evals:group", made.slug)
    context = {"groups": group_lines(), "error": error, "typed": request.POST.get("name", "")[:120]}
    return render(request, "evals/voting/group_list.html", context, status=422 if error else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def group(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(ReviewerGroup, slug=slug)
    now = {"name": found.name, "categories": list(found.categories.values_list("pk", flat=True))}
    form = GroupForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            chosen = [category.pk for category in form.cleaned_data["categories"]]
            change_group(group=found, name=form.cleaned_data["name"], categories=chosen, actor=person(request))
        except GroupError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, "Group saved.")
            return redirect("evals:group", found.slug)
    context = {
        "group": found,
        "form": form,
        "members": members(found),
        "people": people_to_add(found),
        "invitations": [one for one in invitations(limit=50, group=found) if one.state == "open"],
    }
    return render(request, "evals/voting/group.html", context)


@require_POST
@role_required(Role.EDITOR)
def group_member_add(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(ReviewerGroup, slug=slug)
    try:
        added = add_member(group=found, username=request.POST.get("username", ""), actor=person(request))
        messages.success(request, f"{added.name} is in the group.")
    except GroupError as error:
        messages.error(request, f"Not changed: {error}")
    return redirect("evals:group", found.slug)


@require_POST
@role_required(Role.EDITOR)
def group_member_remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    found = get_object_or_404(ReviewerGroup, slug=slug)
    gone = get_object_or_404(Reviewer, pk=pk)
    remove_member(group=found, reviewer=gone, actor=person(request))
    messages.success(request, f"{gone.name} is no longer in the group. Their votes stay.")
    return redirect("evals:group", found.slug)
