"""Tests of voting/budget."""
