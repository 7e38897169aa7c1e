"""Messages to a Facebook page.

What is Messenger's own stands here: files sent as bytes, our key returned in echoes, the address of our door
told to the app. The rest is `integrations.meta`.
"""
