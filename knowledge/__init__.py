"""What we know and how it is found: articles, their passages as vectors, search, import, the help pages."""
