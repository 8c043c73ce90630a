"""Can anything but the answers' text tell which of two contenders wrote the left one?

For each ballot, features of all that its page and its pictures send except the words of the answers: how large the
rest is, the order of headers, how long the response took, the token's characters, the structure of either side, the
pictures' addresses and sizes. A logistic regression learns on nine tenths of the ballots and is asked about the last,
ten times over. What comes out is the area under the curve: .5 is a coin.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass

import numpy as np
from django.test import Client
from django.urls import reverse

from benchmarks.leaks.world import World
from evals.models import Ballot

__all__ = ["Told", "area_under_curve", "cross_validated", "features_of"]

_SIDE = re.compile(r'<article class="side[ "].*?</article>', re.DOTALL)
_PROSE = re.compile(r'<div class="prose">.*</div>', re.DOTALL)
_TAG = re.compile(r"<(/?\w+)")
_MASKED = re.compile(r'(X-CSRFToken": "|name="csrfmiddlewaretoken" value=")[^"]+')
_FOLDS = 10
_RIDGE = 1.0


@dataclass(frozen=True)
class Told:
    """What one ballot told: features, and whether the left answer is by the first of its two writers by name."""

    features: list[float]
    left_is_first: bool


def features_of(client: Client, world: World, ballot: Ballot) -> Told:
    started = time.perf_counter()
    response = client.get(reverse("evals:battle", args=[ballot.token]))
    took = time.perf_counter() - started
    page = _MASKED.sub(r"\1", response.content.decode()).replace(ballot.token, "")
    # The ballot on the screen comes first; whether another is ahead of it depends on how many are left.
    sides = _SIDE.findall(page)[:2]
    shells = [_PROSE.sub("", side) for side in sides]
    rest = _SIDE.sub("", page)
    names = [*response.headers]
    found = [
        len(rest),
        *(len(shell) for shell in shells),
        math.floor(math.log2(took * 1e4 + 1)),
        *_order(names),
        *_characters(ballot.token),
        *(len(_TAG.findall(shell)) for shell in shells),
        *(float(sum(map(int, re.findall(r"\d", part)))) for part in (rest, *shells)),
        float(page.find("left") < page.find("right")),
        float(len(response.cookies)),
        *_pictures(client, ballot),
    ]
    lo, hi = world.writers[ballot.battle.lo_id], world.writers[ballot.battle.hi_id]
    left, right = (lo, hi) if ballot.left == "lo" else (hi, lo)
    return Told(found, left < right)


def _order(names: list[str]) -> list[float]:
    """Where the headers that every response has stand."""
    usual = ("Content-Type", "Cache-Control", "Vary", "Content-Length", "Content-Security-Policy")
    return [float(names.index(name)) if name in names else -1.0 for name in usual]


def _characters(token: str) -> list[float]:
    kinds = (str.isdigit, str.isupper, str.islower)
    return [*(float(sum(map(kind, token))) for kind in kinds), float(ord(token[0])), float(ord(token[-1]))]


def _pictures(client: Client, ballot: Ballot) -> list[float]:
    """Of either side: status, the header's order and the size less the pixels' (which are alike for all)."""
    found: list[float] = []
    for side in ("left", "right"):
        if not ballot.battle.lo.images:
            found += [0.0] * 7
            continue
        response = client.get(reverse("evals:battle-image", args=[ballot.token, side, 1]))
        body = b"".join(response.streaming_content) if response.streaming else response.content
        found += [float(response.status_code), *_order([*response.headers]), float(len(body) // 256)]
    return found


def cross_validated(told: list[Told], rng: np.random.Generator) -> float:
    """The area under the curve of answers about ballots that were not learnt from."""
    X = np.array([one.features for one in told])
    y = np.array([one.left_is_first for one in told], float)
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    X = np.column_stack([np.ones(len(X)), X])
    fold = rng.permutation(len(y)) % _FOLDS
    areas = [area_under_curve(X[fold == k] @ _fit(X[fold != k], y[fold != k]), y[fold == k]) for k in range(_FOLDS)]
    return float(np.mean(areas))


def _fit(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ridge logistic regression, by Newton's method."""
    weights = np.zeros(X.shape[1])
    for _ in range(25):
        p = 1 / (1 + np.exp(-np.clip(X @ weights, -30, 30)))
        slope = X.T @ (y - p) - _RIDGE * weights
        curvature = (X * (p * (1 - p))[:, None]).T @ X + _RIDGE * np.eye(X.shape[1])
        weights = weights + np.linalg.solve(curvature, slope)
    return weights


def area_under_curve(scores: np.ndarray, labels: np.ndarray) -> float:
    """How often a true one scores above a false one; a tie is half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    for value in np.unique(scores):
        same = scores == value
        ranks[same] = ranks[same].mean()
    positive = labels > 0
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m)) if n and m else 0.5
