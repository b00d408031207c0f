-- What the tallier reads of closed contests. It has no rows of its own.


-- name: list_ballots
-- The sealed ballots of a closed contest, in no order that says anything.
--   $1 contest_id  text
SELECT pk, rev, digest, header, sealed, sig FROM box.closed_ballot WHERE contest_id = $1;


-- name: list_epochs
-- The log of a closed contest, by epoch.
--   $1 contest_id  text
SELECT number, entries, checkpoint FROM box.closed_epoch WHERE contest_id = $1 ORDER BY number;


-- name: read_posix
-- The service's clock, POSIX seconds.
SELECT weighin.posix();
