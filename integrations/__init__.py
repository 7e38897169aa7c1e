"""One package per channel: each translates between a provider and our dataclasses; none knows another."""
