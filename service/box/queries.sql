-- The ballot box: contests, pending and sealed ballots, epochs of the log. Ballot rows are added, read and moved to
-- their epoch; never changed.


-- name: add_contest
-- Take over a signed manifest. No row when that was done.
--   $1 contest_id        text
--   $2 manifest          bytea, canonical JSON
--   $3 ctx               bytea, 32 bytes
--   $4 opens_at          bigint, POSIX seconds
--   $5 closes_at         bigint, POSIX seconds
--   $6 epoch_started_at  bigint, POSIX seconds
--   $7 include_by        bigint, POSIX seconds
INSERT INTO box.contest (contest_id, manifest, ctx, opens_at, closes_at, epoch_started_at, include_by)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING contest_id;


-- name: make_pending
-- Make the partition that a contest's ballots wait in.
--   $1 contest_id  text
SELECT box.make_pending($1);


-- name: read_contest
-- What the box knows of a contest.
--   $1 contest_id  text
SELECT manifest, ctx FROM box.contest WHERE contest_id = $1;


-- name: list_open
-- Contests that are not closed.
SELECT contest_id FROM box.contest WHERE state = 'open' ORDER BY contest_id;


-- name: add_ballots
-- Add ballots, if the contest takes them at this moment, each if its revision is above every one of the same key. One
-- call, one transaction. `taking` is NULL where there is no such contest; `added` holds the digests of what was added.
--   $1 contest_id  text
--   $2 pks         bytea[], 32 bytes each
--   $3 revs        bigint[]
--   $4 digests     bytea[], 32 bytes each
--   $5 headers     bytea[]
--   $6 sealeds     bytea[]
--   $7 sigs        bytea[], 64 bytes each
SELECT taking, late, include_by, added FROM box.add_ballots($1, $2, $3, $4, $5, $6, $7);


-- name: hold_sealing
-- Let no epoch be sealed until this transaction ends.
--   $1 contest_id  text
SELECT FROM box.contest WHERE contest_id = $1 FOR SHARE;


-- name: find_ballots
-- Every revision of some keys, pending or sealed, with the deadline of its epoch.
--   $1 contest_id  text
--   $2 pks         bytea[], 32 bytes each
SELECT pending.pk, pending.rev, pending.header, pending.digest, contest.include_by
  FROM box.pending
  JOIN box.contest USING (contest_id)
 WHERE contest_id = $1 AND pending.pk = ANY ($2::bytea[])
UNION ALL
SELECT ballot.pk, ballot.rev, ballot.header, ballot.digest, epoch.include_by
  FROM box.ballot
  JOIN box.epoch ON epoch.contest_id = ballot.contest_id AND epoch.number = ballot.epoch
 WHERE ballot.contest_id = $1 AND ballot.pk = ANY ($2::bytea[]);


-- name: look_at_epoch
-- What says whether an epoch may be due, without holding anything up.
--   $1 contest_id  text
SELECT manifest, closes_at, epoch_started_at, include_by, weighin.posix() AS now
  FROM box.contest WHERE contest_id = $1 AND state = 'open';


-- name: count_pending
-- How many ballots wait.
--   $1 contest_id  text
SELECT count(*) FROM box.pending WHERE contest_id = $1;


-- name: hold_for_epoch
-- Hold a contest while an epoch is sealed: waits for casts in flight, and lets none begin.
--   $1 contest_id  text
SELECT manifest, ctx, state, closes_at, epoch, epoch_started_at, include_by, weighin.posix() AS now
  FROM box.contest WHERE contest_id = $1 FOR UPDATE;


-- name: list_pending
-- The digests that wait, by digest.
--   $1 contest_id  text
SELECT digest FROM box.pending WHERE contest_id = $1 ORDER BY digest;


-- name: move_pending
-- Move what waits to its epoch, in the order of digests: the order of arrival ends here.
--   $1 contest_id  text
--   $2 epoch       integer
INSERT INTO box.ballot (contest_id, pk, rev, digest, header, sealed, sig, epoch)
SELECT contest_id, pk, rev, digest, header, sealed, sig, $2
  FROM box.pending WHERE contest_id = $1 ORDER BY digest;


-- name: clear_pending
-- Empty the partition of a contest, in the transaction that has moved its rows.
--   $1 contest_id  text
SELECT box.clear_pending($1);


-- name: list_epochs
-- The epochs of a log, in order.
--   $1 contest_id  text
SELECT number, size, entries, checkpoint FROM box.epoch WHERE contest_id = $1 ORDER BY number;


-- name: add_epoch
-- Add a sealed epoch. A second one of the same number is an error: two sequencers ran.
--   $1 contest_id  text
--   $2 number      integer, 0 is the manifest's
--   $3 size        bigint, entries of the whole log at its end
--   $4 entries     bytea, 33 bytes each
--   $5 checkpoint  bytea, the signed note
--   $6 include_by  bigint, POSIX seconds
INSERT INTO box.epoch (contest_id, number, size, entries, checkpoint, include_by) VALUES ($1, $2, $3, $4, $5, $6);


-- name: begin_epoch
-- Begin the next epoch, or the same one again where no ballot came.
--   $1 contest_id        text
--   $2 number            integer
--   $3 epoch_started_at  bigint, POSIX seconds
--   $4 include_by        bigint, POSIX seconds
UPDATE box.contest SET epoch = $2, epoch_started_at = $3, include_by = $4 WHERE contest_id = $1;


-- name: end_casting
-- No more ballots.
--   $1 contest_id  text
UPDATE box.contest SET state = 'closed' WHERE contest_id = $1 AND state = 'open' RETURNING contest_id;


-- name: read_durability
-- The settings without which an acknowledged ballot could be lost: as they are for this connection, and as the server,
-- the database or the role has them (`server_has`).
SELECT name, setting, reset_val AS server_has FROM pg_settings
 WHERE name IN ('fsync', 'full_page_writes', 'data_checksums', 'synchronous_commit') ORDER BY name;


-- name: read_posix
-- The service's clock, POSIX seconds.
SELECT weighin.posix();
