-- The registrar's own rows: contests, roll, issuances, epochs of its log.


-- name: add_contest
-- Begin the roll of a contest. No row when it has begun.
--   $1 contest_id  text
--   $2 roll_id     bytea, 16 random bytes
INSERT INTO registrar.contest (contest_id, roll_id) VALUES ($1, $2) ON CONFLICT DO NOTHING;


-- name: hold_preparing
-- Hold a contest whose roll may still change. No row once tokens are issued.
--   $1 contest_id  text
SELECT roll_id FROM registrar.contest WHERE contest_id = $1 AND state = 'preparing' FOR UPDATE;


-- name: add_codes
-- Add the public keys of codes.
--   $1 contest_id  text
--   $2 roll_pks    bytea[], 32 bytes each
--   $3 class       text
--   $4 pool        integer, 0 mailed, 1 reserve
--   $5 area        text, '' where areas are not used
INSERT INTO registrar.roll (contest_id, roll_pk, class, pool, area, handed_out)
SELECT $1, roll_pk, $3, $4::integer, $5, $4::integer = 0 FROM unnest($2::bytea[]) AS roll_pk;


-- name: list_roll
-- Every code of a contest.
--   $1 contest_id  text
SELECT roll_pk, class, pool FROM registrar.roll WHERE contest_id = $1 ORDER BY roll_pk;


-- name: begin_issuing
-- Take over the signed manifest. No row when that was done.
--   $1 contest_id   text
--   $2 manifest     bytea, canonical JSON
--   $3 issues_from  bigint, POSIX seconds
--   $4 closes_at    bigint, POSIX seconds
UPDATE registrar.contest
   SET state = 'issuing', manifest = $2, issues_from = $3, closes_at = $4, epoch_started_at = $3
 WHERE contest_id = $1 AND state = 'preparing'
RETURNING roll_id;


-- name: read_contest
-- What the registrar knows of a contest.
--   $1 contest_id  text
SELECT roll_id, state, manifest FROM registrar.contest WHERE contest_id = $1;


-- name: list_issuing
-- Contests for which tokens are, or may still be, issued.
SELECT contest_id FROM registrar.contest WHERE state = 'issuing' ORDER BY contest_id;


-- name: hold_issuing
-- Hold a contest that issues at this moment; shared, so that closing waits for issuances in flight. The clock is read
-- once the contest is held, so that who had to wait for it gets no token at a moment that has gone.
--   $1 contest_id  text
WITH held AS MATERIALIZED (
    SELECT state, issues_from, closes_at FROM registrar.contest WHERE contest_id = $1 FOR SHARE OF contest
)
SELECT state = 'issuing' AND issues_from <= now AND now < closes_at AS open
  FROM (SELECT state, issues_from, closes_at, weighin.posix() AS now FROM held OFFSET 0) AS at_this_moment;


-- name: add_issuances
-- Log that codes asked for tokens, each once. No row for a code that is unknown, voided, not handed out, of another
-- class, or used: the unique key makes the second of two requests wait for the first. In the order of keys, so that
-- two batches that meet never wait for each other in a circle. OFFSET 0 keeps the look into the roll one by one, in its
-- index: as a join, it would read the whole roll for each batch.
--   $1 contest_id  text
--   $2 roll_pks    bytea[], 32 bytes each
--   $3 classes     text[]
--   $4 channels    text[]
--   $5 requests    text[], for each code the SHA-256 of each request in hex, joined by spaces
--   $6 sigs        bytea[], 64 bytes each
INSERT INTO registrar.issuance (contest_id, roll_pk, channel, requests, sig)
SELECT $1, new.roll_pk, new.channel, new.requests, new.sig
  FROM unnest($2::bytea[], $3::text[], $4::text[], $5::text[], $6::bytea[])
       AS new (roll_pk, class, channel, requests, sig)
  JOIN LATERAL (SELECT handed_out AND NOT voided AS usable FROM registrar.roll
                 WHERE roll.contest_id = $1 AND roll.roll_pk = new.roll_pk AND roll.class = new.class OFFSET 0) AS code
    ON code.usable
 ORDER BY new.roll_pk
ON CONFLICT DO NOTHING
RETURNING roll_pk, requests;


-- name: find_codes
-- Codes and what was issued for each.
--   $1 contest_id  text
--   $2 roll_pks    bytea[], 32 bytes each
SELECT roll.roll_pk, roll.class, roll.handed_out, roll.voided, issuance.requests
  FROM registrar.roll
  LEFT JOIN registrar.issuance USING (contest_id, roll_pk)
 WHERE roll.contest_id = $1 AND roll.roll_pk = ANY ($2::bytea[]);


-- name: look_at_epoch
-- What says whether an epoch may be due, without holding anything up.
--   $1 contest_id  text
SELECT manifest, closes_at, epoch_started_at, weighin.posix() AS now
  FROM registrar.contest WHERE contest_id = $1 AND state = 'issuing';


-- name: hold_for_epoch
-- Hold a contest while an epoch of the issuance log is sealed.
--   $1 contest_id  text
SELECT state, epoch, epoch_started_at, closes_at, weighin.posix() AS now
  FROM registrar.contest WHERE contest_id = $1 FOR UPDATE;


-- name: count_pending
-- How many issuances wait for the log.
--   $1 contest_id  text
SELECT count(*) FROM registrar.issuance WHERE contest_id = $1 AND epoch IS NULL;


-- name: list_issuances
-- Issuances with all that their log entry holds: those that wait (position NULL) last.
--   $1 contest_id  text
SELECT issuance.roll_pk, roll.class, issuance.channel, issuance.requests, issuance.sig, issuance.position
  FROM registrar.issuance
  JOIN registrar.roll USING (contest_id, roll_pk)
 WHERE issuance.contest_id = $1
 ORDER BY issuance.position NULLS LAST, issuance.roll_pk;


-- name: list_epochs
-- The epochs of the issuance log, in order.
--   $1 contest_id  text
SELECT number, size, entries, checkpoint FROM registrar.epoch WHERE contest_id = $1 ORDER BY number;


-- name: add_epoch
-- Add a sealed epoch. A second one of the same number is an error: two sequencers ran.
--   $1 contest_id  text
--   $2 number      integer
--   $3 size        bigint, entries of the whole log at its end
--   $4 entries     bytea, 32 bytes each
--   $5 checkpoint  bytea, the signed note
INSERT INTO registrar.epoch (contest_id, number, size, entries, checkpoint) VALUES ($1, $2, $3, $4, $5);


-- name: place_issuances
-- Give issuances their place in the log.
--   $1 contest_id  text
--   $2 roll_pks    bytea[], in the log's order
--   $3 epoch       integer
--   $4 position    bigint, of the first
UPDATE registrar.issuance
   SET epoch = $3, position = $4 + place.number - 1
  FROM unnest($2::bytea[]) WITH ORDINALITY AS place (roll_pk, number)
 WHERE issuance.contest_id = $1 AND issuance.roll_pk = place.roll_pk AND issuance.epoch IS NULL;


-- name: begin_epoch
-- Begin the next epoch, or the same one again where nothing was sealed.
--   $1 contest_id  text
--   $2 number      integer
--   $3 started_at  bigint, POSIX seconds
UPDATE registrar.contest SET epoch = $2, epoch_started_at = $3 WHERE contest_id = $1;


-- name: end_issuing
-- No more tokens.
--   $1 contest_id  text
UPDATE registrar.contest SET state = 'closed' WHERE contest_id = $1 AND state = 'issuing' RETURNING contest_id;


-- name: count_turnout
-- Codes and tokens by class and area.
--   $1 contest_id  text
SELECT roll.class, roll.area, count(*) AS eligible, count(issuance.roll_pk) AS issued
  FROM registrar.roll
  LEFT JOIN registrar.issuance USING (contest_id, roll_pk)
 WHERE roll.contest_id = $1
 GROUP BY roll.class, roll.area
 ORDER BY roll.class COLLATE "C", roll.area COLLATE "C";
