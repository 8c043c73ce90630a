"""Signals connected to receivers that are named rather than imported."""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal
from django.utils.module_loading import import_string

__all__ = ["connect"]


def connect(signal: Signal, receiver: str) -> None:
    """Connects the function at a dotted path, such as `evals.voting.receivers.rank_again`.

    Its module is imported when the signal is first sent: an app is set up in every process, and what its receivers
    work with (ratings, policies, messages) is needed in few. The connected path is
    the receiver's `dispatch_uid`.
    """

    def call(sender: Any, **kwargs: Any) -> Any:
        kwargs.pop("signal")
        return import_string(receiver)(sender, **kwargs)

    # Not weakly: nothing else refers to the function.
    signal.connect(call, weak=False, dispatch_uid=receiver)
