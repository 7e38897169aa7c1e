"""Who logs in: staff users, their teams (the *sector* of the API), roles and API keys."""
