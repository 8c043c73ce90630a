"""Telling others that a table was published, as Standard Webhooks has it (https://www.standardwebhooks.com).

A publication makes one delivery for each enabled webhook in its own transaction; a chore sends what is due, outside of
any. `messages`, `signing` and `back_off` are pure; `services` write, `selectors` read, `delivering` sends.
"""
