"""Bake-offs: a task set asked again on a schedule, models that join by rule, and the report of what changed.

A round is started in one transaction with its run (`starting`); a chore looks for runs that ended and makes each report
once (`reporting`, by way of `report`, which is pure). Who hears of it: pages, webhooks by a signal, e-mails (`mail`).
"""
