"""Tests of the service's rooms: in process on a real database, and against a running service."""
