"""The proof of the claims, laid out as the rooms are."""
