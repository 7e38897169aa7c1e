"""Which of our languages to speak to whom."""

from django.utils.translation import get_supported_language_variant

FALLBACK = "en"


def spoken(locale: str) -> str:
    """Returns our language that is nearest to a locale such as "pt", "es-MX" or "pt_BR"; else English.

    `locale` is what a browser or another system sent: it may be empty or nonsense. The result is always one
    of `settings.LANGUAGES`, so `translation.override` takes it.
    """
    try:
        return get_supported_language_variant(locale.strip().replace("_", "-").lower())
    except (LookupError, ValueError):
        return FALLBACK
