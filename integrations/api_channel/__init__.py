"""The API channel: a program of the integrator's is the channel.

It pushes messages with its own ids to our door and takes ours at a callback of its own, or fetches them from
the API. Both ways are signed as Standard Webhooks; nothing here knows what is behind the program.
"""
