"""Tables and policies in the words and shapes of pages. Pure."""
