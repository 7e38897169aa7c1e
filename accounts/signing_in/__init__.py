"""How staff sign in with a browser: password, second factor, passkey, single sign-on.

The flows are django-allauth's, the pages are ours. Nothing of allauth is open but what `urls` names.
"""
