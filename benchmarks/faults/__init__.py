"""The proof that nothing is lost: what is killed, who writes meanwhile, and how it is judged."""
