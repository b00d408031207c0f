"""Tests of voting/ranked."""
