"""The staff's daily work as pages of the Django admin site."""
