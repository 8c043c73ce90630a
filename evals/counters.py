# ruff: noqa: S608 (statements of our own, with nothing from outside in them)
"""The triggers that keep what pages count (`evals.models.counts`), and the statements that count it anew.

Text alone: an app's config declares triggers before there are models.
"""

from __future__ import annotations

from arena.triggers import Follower

__all__ = ["FOLLOWERS", "RECOUNT", "RECOUNT_RUN", "TABLES", "lock_statements"]

_ENDED = "('done', 'failed')"

RECOUNT = {
    "evals_answercount": (
        "INSERT INTO evals_answercount (category_id, contender_id, done, failed, moved) "
        "SELECT t.category_id, g.contender_id, SUM(CASE WHEN g.state = 'done' THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN g.state = 'failed' THEN 1 ELSE 0 END), COUNT(*) "
        "FROM evals_generation g JOIN evals_task t ON t.id = g.task_id "
        f"WHERE g.state IN {_ENDED} GROUP BY t.category_id, g.contender_id"
    ),
    "evals_runcount": (
        "INSERT INTO evals_runcount (run_id, contender_id, total, done, failed, moved) "
        "SELECT i.run_id, g.contender_id, COUNT(*), SUM(CASE WHEN g.state = 'done' THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN g.state = 'failed' THEN 1 ELSE 0 END), COUNT(*) "
        "FROM evals_runitem i JOIN evals_generation g ON g.id = i.generation_id GROUP BY i.run_id, g.contender_id"
    ),
    "evals_reviewervotes": (
        "INSERT INTO evals_reviewervotes (category_id, reviewer_id, votes, left_won, right_won, last_cast_at) "
        "SELECT v.category_id, v.reviewer_id, SUM(CASE WHEN s.id IS NULL THEN 1 ELSE 0 END), "
        'SUM(CASE WHEN s.id IS NULL AND v.outcome = v."left" THEN 1 ELSE 0 END), '
        "SUM(CASE WHEN s.id IS NULL AND v.outcome IN ('lo', 'hi') AND v.\"left\" IN ('lo', 'hi') "
        'AND v.outcome <> v."left" THEN 1 ELSE 0 END), MAX(v.cast_at) '
        "FROM evals_vote v LEFT JOIN evals_vote s ON s.supersedes_id = v.id "
        "WHERE v.outcome IS NOT NULL GROUP BY v.category_id, v.reviewer_id"
    ),
}
TABLES = tuple(RECOUNT)
# Of the run that is its parameter.
RECOUNT_RUN = RECOUNT["evals_runcount"].replace(" GROUP BY", " WHERE i.run_id = %s GROUP BY")


def lock_statements(vendor: str) -> list[str]:
    """Writers wait, readers do not. SQLite's transaction is alone already."""
    if vendor != "postgresql":
        return []
    return ["LOCK TABLE evals_generation, evals_runitem, evals_vote IN SHARE ROW EXCLUSIVE MODE"]


def _is(row: str, state: str) -> str:
    return f"(CASE WHEN {row}.state = '{state}' THEN 1 ELSE 0 END)"


def _won(row: str, side: str) -> str:
    """1 if the vote counts for the answer on this side. A superseding vote without an outcome counts for none."""
    sign = "=" if side == "left" else "<>"
    return (
        f"(CASE WHEN {row}.outcome IN ('lo', 'hi') AND {row}.\"left\" IN ('lo', 'hi') "
        f'AND {row}.outcome {sign} {row}."left" THEN 1 ELSE 0 END)'
    )


def _counts(row: str) -> str:
    return f"(CASE WHEN {row}.outcome IS NOT NULL THEN 1 ELSE 0 END)"


def _ensured(table: str, columns: str, key: str, values: str) -> str:
    """A row to add to, on SQLite."""
    return f"INSERT INTO {table} ({columns}) SELECT {values} WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {key});"


# Answers: those that end, begin again or are scored anew.

_CATEGORY = "(SELECT category_id FROM evals_task WHERE id = NEW.task_id)"
_ANSWER_KEY = f"category_id = {_CATEGORY} AND contender_id = NEW.contender_id"
_ANSWER_ROW = _ensured(
    "evals_answercount",
    "category_id, contender_id, done, failed, moved",
    _ANSWER_KEY,
    f"{_CATEGORY}, NEW.contender_id, 0, 0, 0",
)
_MOVED = (
    f"(OLD.state IN {_ENDED} OR NEW.state IN {_ENDED}) AND "
    "(OLD.state <> NEW.state OR OLD.checks <> NEW.checks OR OLD.refused <> NEW.refused)"
)
_DONE, _FAILED = (f"{_is('NEW', state)} - {_is('OLD', state)}" for state in ("done", "failed"))

_ANSWERS = (
    Follower(
        "evals_generation",
        "evals_generation_counted_new",
        ("evals_answercount",),
        f"AFTER INSERT ON evals_generation WHEN NEW.state IN {_ENDED} BEGIN {_ANSWER_ROW} "
        f"UPDATE evals_answercount SET done = done + {_is('NEW', 'done')}, failed = failed + {_is('NEW', 'failed')}, "
        f"moved = moved + 1 WHERE {_ANSWER_KEY}; END",
        "AFTER INSERT ON evals_generation REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
        "INSERT INTO evals_answercount (category_id, contender_id, done, failed, moved) "
        f"SELECT t.category_id, a.contender_id, SUM{_is('a', 'done')}, SUM{_is('a', 'failed')}, COUNT(*) "
        f"FROM added a JOIN evals_task t ON t.id = a.task_id WHERE a.state IN {_ENDED} "
        "GROUP BY t.category_id, a.contender_id;",
    ),
    Follower(
        "evals_generation",
        "evals_generation_counted",
        ("evals_answercount", "evals_runcount"),
        f"AFTER UPDATE OF state, checks, refused ON evals_generation WHEN {_MOVED} BEGIN {_ANSWER_ROW} "
        f"UPDATE evals_answercount SET done = done + {_DONE}, failed = failed + {_FAILED}, moved = moved + 1 "
        f"WHERE {_ANSWER_KEY}; "
        f"UPDATE evals_runcount SET done = done + {_DONE}, failed = failed + {_FAILED}, moved = moved + 1 "
        "WHERE contender_id = NEW.contender_id AND run_id IN "
        "(SELECT run_id FROM evals_runitem WHERE generation_id = NEW.id); END",
        f"AFTER UPDATE OF state, checks, refused ON evals_generation FOR EACH ROW WHEN ({_MOVED})",
        "INSERT INTO evals_answercount (category_id, contender_id, done, failed, moved) "
        f"SELECT category_id, NEW.contender_id, {_DONE}, {_FAILED}, 1 FROM evals_task WHERE id = NEW.task_id; "
        "INSERT INTO evals_runcount (run_id, contender_id, total, done, failed, moved) "
        f"SELECT run_id, NEW.contender_id, 0, {_DONE}, {_FAILED}, 1 FROM evals_runitem WHERE generation_id = NEW.id;",
    ),
    Follower(
        "evals_generation",
        "evals_generation_counted_gone",
        ("evals_answercount",),
        f"AFTER DELETE ON evals_generation WHEN OLD.state IN {_ENDED} BEGIN "
        f"UPDATE evals_answercount SET done = done - {_is('OLD', 'done')}, failed = failed - {_is('OLD', 'failed')}, "
        "moved = moved + 1 WHERE contender_id = OLD.contender_id AND "
        "category_id = (SELECT category_id FROM evals_task WHERE id = OLD.task_id); END",
        f"AFTER DELETE ON evals_generation FOR EACH ROW WHEN (OLD.state IN {_ENDED})",
        "INSERT INTO evals_answercount (category_id, contender_id, done, failed, moved) "
        f"SELECT category_id, OLD.contender_id, -{_is('OLD', 'done')}, -{_is('OLD', 'failed')}, 1 "
        "FROM evals_task WHERE id = OLD.task_id;",
    ),
)

# Runs: what belongs to them. What ends later is added above.

_ITEM_STATE = "(SELECT state FROM evals_generation WHERE id = {0}.generation_id)"
_ITEM_OF = "(SELECT contender_id FROM evals_generation WHERE id = {0}.generation_id)"
_ITEM_KEY = "run_id = {0}.run_id AND contender_id = " + _ITEM_OF


def _item(row: str, sign: str) -> str:
    state, key = _ITEM_STATE.format(row), _ITEM_KEY.format(row)
    return (
        f"UPDATE evals_runcount SET total = total {sign} 1, done = done {sign} ({state} = 'done'), "
        f"failed = failed {sign} ({state} = 'failed'), moved = moved + 1 WHERE {key};"
    )


def _items(rows: str, sign: str) -> str:
    return (
        "INSERT INTO evals_runcount (run_id, contender_id, total, done, failed, moved) "
        f"SELECT i.run_id, g.contender_id, {sign}COUNT(*), {sign}SUM{_is('g', 'done')}, {sign}SUM{_is('g', 'failed')}, "
        f"COUNT(*) FROM {rows} i JOIN evals_generation g ON g.id = i.generation_id GROUP BY i.run_id, g.contender_id;"
    )


_ITEM_ROW = _ensured(
    "evals_runcount",
    "run_id, contender_id, total, done, failed, moved",
    _ITEM_KEY.format("NEW"),
    f"NEW.run_id, {_ITEM_OF.format('NEW')}, 0, 0, 0, 0",
)
_RUNS = (
    Follower(
        "evals_runitem",
        "evals_runitem_counted_new",
        ("evals_runcount",),
        f"AFTER INSERT ON evals_runitem BEGIN {_ITEM_ROW} {_item('NEW', '+')} END",
        "AFTER INSERT ON evals_runitem REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
        _items("added", ""),
    ),
    Follower(
        "evals_runitem",
        "evals_runitem_counted_gone",
        ("evals_runcount",),
        f"AFTER DELETE ON evals_runitem BEGIN {_item('OLD', '-')} END",
        "AFTER DELETE ON evals_runitem REFERENCING OLD TABLE AS gone FOR EACH STATEMENT",
        _items("gone", "-"),
    ),
)

# Votes are only ever added: one that supersedes another one takes that one's place.


def _instead(figure: str, of_new: str, of_old: str) -> str:
    before = f"COALESCE((SELECT {of_old} FROM evals_vote v WHERE v.id = NEW.supersedes_id), 0)"
    return f"{figure} = {figure} + {of_new} - {before}"


_VOTE_KEY = "category_id = NEW.category_id AND reviewer_id = NEW.reviewer_id"
_VOTE_ROW = _ensured(
    "evals_reviewervotes",
    "category_id, reviewer_id, votes, left_won, right_won, last_cast_at",
    _VOTE_KEY,
    "NEW.category_id, NEW.reviewer_id, 0, 0, 0, NULL",
)
_VOTES = (
    Follower(
        "evals_vote",
        "evals_vote_counted_new",
        ("evals_reviewervotes",),
        f"AFTER INSERT ON evals_vote BEGIN {_VOTE_ROW} UPDATE evals_reviewervotes SET "
        f"{_instead('votes', _counts('NEW'), _counts('v'))}, "
        f"{_instead('left_won', _won('NEW', 'left'), _won('v', 'left'))}, "
        f"{_instead('right_won', _won('NEW', 'right'), _won('v', 'right'))}, "
        "last_cast_at = CASE WHEN NEW.outcome IS NOT NULL AND (last_cast_at IS NULL OR NEW.cast_at > last_cast_at) "
        f"THEN NEW.cast_at ELSE last_cast_at END WHERE {_VOTE_KEY}; END",
        "AFTER INSERT ON evals_vote REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
        "INSERT INTO evals_reviewervotes (category_id, reviewer_id, votes, left_won, right_won, last_cast_at) "
        f"SELECT a.category_id, a.reviewer_id, SUM({_counts('a')} - {_counts('v')}), "
        f"SUM({_won('a', 'left')} - {_won('v', 'left')}), SUM({_won('a', 'right')} - {_won('v', 'right')}), "
        "MAX(CASE WHEN a.outcome IS NOT NULL THEN a.cast_at END) "
        "FROM added a LEFT JOIN evals_vote v ON v.id = a.supersedes_id GROUP BY a.category_id, a.reviewer_id;",
    ),
)

FOLLOWERS = (*_ANSWERS, *_RUNS, *_VOTES)
