"""Opens sealed ballots after the end, and counts them. Holds the tally key and the beacon's secret; stores nothing."""
