"""Ballot files, read and written, one format a file."""
