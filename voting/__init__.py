"""Arithmetic: counting, proving, verifying. Pure: the same bytes in give the same bytes out."""
