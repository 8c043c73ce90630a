"""Storing a file in many short transactions, all of it or nothing.

SQLite has one writer: for as long as one transaction writes, nobody can vote. So the rows of a file are staged, in
portions of a few thousand, where nobody reads them (`staging`). Once the whole file has been read and checked, one
short transaction creates what it names and accepts it: from then on all of it will be stored, and before that nothing
of it counts. Each portion is then stored in a transaction of its own, which also deletes it from the staged ones
(`finishing`), with pauses in which others write (`pace`). A killed process leaves its import to a chore, or to the next
import; whoever comes first goes on where it stopped.
"""
