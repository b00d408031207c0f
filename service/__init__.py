"""Acts and doors: the rooms that issue, take ballots, open, count and publish, and the voter's client in Python."""
