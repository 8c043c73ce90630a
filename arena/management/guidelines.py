"""How to judge the demo's categories: what reviewers read beside the answers."""

GUIDELINES = {
    "support-summaries": """\
Ask one question: **which summary would let you answer the customer without reading the message?**

### Look at, in this order
1. Is it true? A date, an amount or a promise that was not in the message is worse than a missing one.
2. Does it say what the customer wants, not only what happened?
3. Is it short enough to be read between two calls?

### Do not look at
- Polite phrases. The colleague who reads it needs none.
- Length as such: two full sentences can beat one empty one.

### Tie or both bad?
**Tie**: either would do. **Both bad**: with either you would have to open the message.
""",
    "sql": """\
Ask one question: **which statement would you rather run?**

### Look at, in this order
1. Does it fetch or change what was asked, and nothing else? Run it in your head on three rows.
2. Does it use the tables and columns that were given?
3. Is it the statement alone, ready to paste?

### Do not look at
- Upper or lower case, line breaks, the names of aliases.
- An explanation around it: it counts neither for nor against, unless it was asked for.

### Tie or both bad?
**Tie**: both are right. **Both bad**: you would run neither.
""",
    "json-extraction": """\
Ask one question: **which object could go straight into a program?**

### Look at, in this order
1. Is it one JSON object, with the fields that were asked for and no others?
2. Are the values those of the text? Nothing invented, nothing rounded.
3. Numbers as numbers, yes and no as `true` and `false`.

### Do not look at
- Spaces, line breaks, the order of the fields.

### Tie or both bad?
**Tie**: a program would read the same from both. **Both bad**: it would stumble over either.
""",
    "rewriting": """\
Ask one question: **which text would you send as it stands?**

### Look at, in this order
1. Does it still say the same? Nothing added, nothing lost.
2. Is it rewritten in the way that was asked for: kinder, shorter, plainer?
3. Does it sound like a person who means it?

### Do not look at
- How far it is from the original. A light touch can be the better one.

### Tie or both bad?
**Tie**: you would send either. **Both bad**: you would write it yourself.
""",
}
