"""Evaluating agents: conversations played through the product's own code, and what must come of them.

Charter. `cases` is what a suite says and `reading` how it is read, with the line of every mistake. `apart` is
the place where it is played: a database of its own that is dropped afterwards. `stage` sets up a case and
plays its turns through the same actions, job and tools as a customer's; `tape` answers for the model from
recordings, or writes them; `judging` compares what came of it with what was expected; `running` does so for
a suite, `report` shows it and `comparing` shows two of them beside each other. `making` makes a case of a
conversation that took place, and `masking` takes out of it who was there. Of the rest of the product only
`agents.actions.cases` and the admin's page of them know this package.
"""
