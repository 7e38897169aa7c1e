"""Instagram direct messages of a professional account, with or without a Facebook page behind it.

What is Instagram's own stands here: two ways to log in, limits, stories. The rest is `integrations.meta`.
"""
