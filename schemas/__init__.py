"""Nouns: what is stored, sent, signed and published, as frozen msgspec structs."""
