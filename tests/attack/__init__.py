"""What each party could try, and the check that sees it."""
