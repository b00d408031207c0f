"""Tests of voting/proof."""
