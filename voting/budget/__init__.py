"""Methods for budget contests."""
