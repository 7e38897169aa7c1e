"""What Instagram and Messenger share: Meta's webhooks, its Graph API and its ways to say no.

No channel of its own: nothing here is named in settings. It knows neither of the two that use it.
"""
