"""Knows codes, never sees a ballot: the roll, blind signing, the issuance log."""
