"""Methods for ranked contests."""
