"""Commands that wire the product together."""
