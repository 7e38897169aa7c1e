"""Telegram bots: updates by webhook or long polling, answers through the Bot API; no decision about either.

Source of the protocol: https://core.telegram.org/bots/api (version 10.0).
"""
