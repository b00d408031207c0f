"""Tests of voting/formats."""
