"""Takes sealed ballots, promises and logs them. Never sees a person: no cookies, no addresses, no times of ballots."""
