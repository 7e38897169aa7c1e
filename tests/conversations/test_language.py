"""The words the system itself says to a customer."""

import pytest
from django.conf import settings
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from conversations.actions import hand_back, hand_over
from conversations.models import Contact, Conversation
from core.actor import Actor
from core.language import spoken

NOTICES = {
    "pt-br": "Uma pessoa da nossa equipe vai responder a você aqui neste chat.",
    "es": "Una persona de nuestro equipo le responderá aquí en este chat.",
    "en": "You will be answered by a person from our team here in this chat.",
}
LOCALES = [
    ("pt-br", "pt-br"),
    ("pt", "pt-br"),
    ("pt-BR", "pt-br"),
    ("pt_PT", "pt-br"),
    ("es", "es"),
    ("es-mx", "es"),
    ("es-419", "es"),
    ("en-us", "en"),
    ("fr", "en"),
    ("", "en"),
    ("-", "en"),
    ("espanol", "en"),
    ("../../etc", "en"),
]


@pytest.mark.parametrize(("locale", "language"), LOCALES)
def test_notice_of_the_hand_over_is_in_the_customers_language(
    conversation: Conversation, system: Actor, locale: str, language: str
) -> None:
    hand_back(conversation=conversation, by=system)
    Contact.objects.filter(pk=conversation.contact_id).update(locale=locale)
    conversation.refresh_from_db()
    # What the operator reads in says nothing about the customer.
    with translation.override("es" if language == "en" else "en"):
        hand_over(conversation=conversation, by=system, reason="asked for a person")
    assert conversation.messages.latest("seq").text == NOTICES[language]


@given(st.text() | st.text("ptesn-_BR", max_size=12))
def test_any_locale_leads_to_one_of_our_languages(locale: str) -> None:
    assert spoken(locale) in dict(settings.LANGUAGES)
