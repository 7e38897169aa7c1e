"""How members of staff are shown: to colleagues in short, to administrators and to themselves whole."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.enums import Role
from api.fields import TeamSlug
from api.shapes import Shown

LANGUAGES = [code for code, _name in settings.LANGUAGES]


class LanguageWord(serializers.ChoiceField):
    """One of the languages that we speak; empty for that of the installation."""

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        super().__init__(choices=LANGUAGES, allow_blank=True, **kwargs)


class TeamsShown(serializers.ListField):
    """The teams of something, by their short names."""

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        super().__init__(child=TeamSlug(), source="teams.all", **kwargs)


class ColleagueSerializer(Shown):
    """A member of staff, as colleagues see them."""

    id = serializers.IntegerField()
    name = serializers.CharField(source="display_name")
    role = serializers.ChoiceField(choices=Role.choices)
    teams = TeamsShown()


class UserSerializer(ColleagueSerializer):
    """A member of staff. All from `email` on is for administrators, and for oneself."""

    email = serializers.EmailField(required=False, help_text="May be empty.")
    username = serializers.CharField(required=False, help_text="Signs in as well as the address does.")
    language = LanguageWord(required=False, help_text="Of our mails to them.")
    active = serializers.BooleanField(source="is_active", required=False)
    last_login = serializers.DateTimeField(allow_null=True, required=False)
    created_at = serializers.DateTimeField(source="date_joined", required=False)
