"""What editors set of reviewers: invitations, groups, and how a category is voted on."""

from __future__ import annotations

from django import forms

from evals.models import Category, ReviewerGroup
from evals.models.votes import Outcome
from evals.voting.invitations import MOST_DAYS, MOST_USES

__all__ = ["CategoryForm", "CategoryNameForm", "GoldForm", "GroupForm", "InvitationForm", "JoinForm"]


class InvitationForm(forms.Form):
    label = forms.CharField(max_length=120, label="For", help_text="Whom you will send it to: Mara, the support team.")
    group: forms.ModelChoiceField[ReviewerGroup] = forms.ModelChoiceField(
        ReviewerGroup.objects.none(),
        required=False,
        empty_label="no group",
        help_text="They will be members, and vote in the group's categories as well as in those open to everyone.",
    )
    most_uses = forms.IntegerField(
        min_value=1,
        max_value=MOST_USES,
        initial=1,
        label="People",
        help_text="1 for one person; for a group, how many may use the link.",
    )
    days = forms.IntegerField(min_value=1, max_value=MOST_DAYS, initial=7, label="Valid for days")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["group"].queryset = ReviewerGroup.objects.order_by("name")  # type: ignore[attr-defined]


class JoinForm(forms.Form):
    name = forms.CharField(
        max_length=150,
        label="Your name",
        help_text="Editors see it beside your votes. You can change it later.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    form_key = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)


class GroupForm(forms.Form):
    name = forms.CharField(max_length=120)
    categories: forms.ModelMultipleChoiceField[Category] = forms.ModelMultipleChoiceField(
        Category.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        open_ones = Category.objects.filter(retired_at__isnull=True).order_by("name")
        self.fields["categories"].queryset = open_ones  # type: ignore[attr-defined]


class CategoryForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    """How a category is voted on."""

    guidelines = forms.CharField(
        required=False,
        max_length=20_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="Markdown. What makes an answer better here, in the words you would use to a new colleague.",
    )
    overlap = forms.IntegerField(
        min_value=1,
        max_value=20,
        label="Reviewers for each battle",
        help_text="1: agreement is measured on one battle in ten.",
    )
    gold_percent = forms.IntegerField(
        min_value=0,
        max_value=100,
        label="Gold battles, in percent of draws",
        help_text="Battles whose right answer an editor has marked, where there are any. 0: none are drawn on purpose.",
    )
    groups: forms.ModelMultipleChoiceField[ReviewerGroup] = forms.ModelMultipleChoiceField(
        ReviewerGroup.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Category
        fields = ("guidelines", "overlap", "gold_percent", "ask_strength", "boards_open")
        labels = {
            "ask_strength": "Ask how much better an answer is",
            "boards_open": "Reviewers may read this leaderboard while they vote",
        }
        help_texts = {
            "ask_strength": "Slightly or clearly. Shown beside the vote; ratings do not use it.",
            "boards_open": "A reviewer who knows who leads may guess whose answer is whose.",
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["groups"].queryset = ReviewerGroup.objects.order_by("name")  # type: ignore[attr-defined]
        self.fields["groups"].initial = list(self.instance.groups.values_list("pk", flat=True))


class CategoryNameForm(forms.Form):
    """What a category is called, and for whom its votes speak."""

    name = forms.CharField(max_length=120, help_text="Its address stays. Files name a renamed category by its address.")
    speaks_for = forms.ChoiceField(
        choices=Category.SpeaksFor.choices,
        widget=forms.RadioSelect,
        label="Its votes speak for",
        help_text="People like these reviewers: intervals are wider, by how much reviewers differ.",
    )
    single_reviewer = forms.BooleanField(
        required=False,
        label="One person decides here",
        help_text="Routes may change on a single reviewer’s votes.",
    )


class GoldForm(forms.Form):
    """The right outcome of a battle; A and B are its `lo` and `hi`."""

    outcome = forms.ChoiceField(
        choices=[(Outcome.LO, "A is better"), (Outcome.HI, "B is better"), (Outcome.TIE, "tie"),
                 (Outcome.BOTH_BAD, "both bad")],
        widget=forms.RadioSelect,
        label="Right answer",
    )  # fmt: skip
    why = forms.CharField(
        max_length=500,
        label="Why",
        help_text="What a careful reviewer sees: B's second line does not compile.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
