// What every page needs beyond htmx. Pages work without it.

