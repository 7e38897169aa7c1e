"""AI agents: their definition, their runs and steps, prompts as files, hand-over."""
