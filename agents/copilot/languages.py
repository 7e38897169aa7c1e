"""What languages are called where a model is told of them."""

ENGLISH = {"pt": "Brazilian Portuguese", "es": "Spanish", "en": "English"}


def english_name(locale: str) -> str:
    """Returns the English name of a language of ours, such as that of `pt-br`; English for any other."""
    return ENGLISH.get(locale.partition("-")[0].lower(), ENGLISH["en"])
