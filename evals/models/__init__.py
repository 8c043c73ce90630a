"""Arena's tables. Each class documents its invariants; those that can be are constraints in the database."""

from evals.models.bake_offs import BakeOff, BakeOffMail, BakeOffReport, BakeOffRound, BakeOffSubscription
from evals.models.battles import Ballot, Battle, GoldBattle, Reason, ReasonTally
from evals.models.contenders import Contender, Provider
from evals.models.counts import AnswerCount, ContenderVotes, KeptFigures, ReviewerVotes, RunCount
from evals.models.generations import Attempt, Generation, Run, RunItem, RunWarmUp
from evals.models.images import Image, ImageSource
from evals.models.imports import FileImport, ImportPortion
from evals.models.invitations import Invitation, InvitationUse
from evals.models.leaderboards import Leaderboard
from evals.models.quarantine import QuarantineAct, QuarantineCase, QuarantineRecheck
from evals.models.renderings import Rendering
from evals.models.rescores import Rescore
from evals.models.styles import AnswerStyle, StyleReport
from evals.models.task_sets import Category, Ledger, Task, TaskSet, TaskSetItem, TaskSetVersion
from evals.models.votes import Reviewer, ReviewerFlag, ReviewerGroup, ReviewerTally, TaskTally, Vote, VoteImport

__all__ = [
    "AnswerCount",
    "AnswerStyle",
    "Attempt",
    "BakeOff",
    "BakeOffMail",
    "BakeOffReport",
    "BakeOffRound",
    "BakeOffSubscription",
    "Ballot",
    "Battle",
    "Category",
    "Contender",
    "ContenderVotes",
    "FileImport",
    "Generation",
    "GoldBattle",
    "Image",
    "ImageSource",
    "ImportPortion",
    "Invitation",
    "InvitationUse",
    "KeptFigures",
    "Leaderboard",
    "Ledger",
    "Provider",
    "QuarantineAct",
    "QuarantineCase",
    "QuarantineRecheck",
    "Reason",
    "ReasonTally",
    "Rendering",
    "Rescore",
    "Reviewer",
    "ReviewerFlag",
    "ReviewerGroup",
    "ReviewerTally",
    "ReviewerVotes",
    "Run",
    "RunCount",
    "RunItem",
    "RunWarmUp",
    "StyleReport",
    "Task",
    "TaskSet",
    "TaskSetItem",
    "TaskSetVersion",
    "TaskTally",
    "Vote",
    "VoteImport",
]
