"""How hostile text is read and shown. `arena.ui.markup` and `arena.ui.differences` are the ways in; nothing else
imports these modules."""
