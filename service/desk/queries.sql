-- The desk's rows: staff, contests, requests; and what the rooms have handed in.


-- name: add_staff
-- Add somebody, or change role and department of somebody who is there.
--   $1 email       text, lower case
--   $2 role        text
--   $3 department  text
INSERT INTO desk.staff (email, role, department) VALUES ($1, $2, $3)
ON CONFLICT (email) DO UPDATE SET role = excluded.role, department = excluded.department, disabled = false;


-- name: disable_staff
-- Take somebody's rights away. No row when there is nobody of that address.
--   $1 email  text
UPDATE desk.staff SET disabled = true WHERE email = $1 RETURNING email;


-- name: list_staff
-- Everybody, by address.
SELECT email, role, department, disabled FROM desk.staff ORDER BY email COLLATE "C";


-- name: find_staff
-- Somebody who may act.
--   $1 email  text
SELECT email, role, department FROM desk.staff WHERE email = $1 AND NOT disabled;


-- name: add_contest
-- Add a draft. No row when there is a contest of that id.
--   $1 contest_id  text
--   $2 draft       bytea, canonical JSON
--   $3 author      text, e-mail
INSERT INTO desk.contest (contest_id, draft, author) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING contest_id;


-- name: replace_draft
-- Replace a draft that nobody has approved. No row otherwise.
--   $1 contest_id  text
--   $2 draft       bytea, canonical JSON
--   $3 author      text, e-mail
UPDATE desk.contest SET draft = $2, author = $3 WHERE contest_id = $1 AND phase = 'draft' RETURNING contest_id;


-- name: approve_contest
-- Approve a draft. No row when it is no draft, or when its author would approve it.
--   $1 contest_id  text
--   $2 approver    text, e-mail
UPDATE desk.contest SET phase = 'approved', approver = $2
 WHERE contest_id = $1 AND phase = 'draft' AND author <> $2
RETURNING contest_id;


-- name: find_contest
-- One contest.
--   $1 contest_id  text
SELECT contest_id, draft, phase, author, approver, manifest, ctx FROM desk.contest WHERE contest_id = $1;


-- name: list_contests
-- All contests, by id.
SELECT contest_id, phase, author, approver FROM desk.contest ORDER BY contest_id COLLATE "C";


-- name: add_request
-- Ask the rooms for an act. No row when the same request waits already.
--   $1 contest_id  text
--   $2 act         text
--   $3 made_by     text, e-mail
INSERT INTO desk.request (contest_id, act, made_by) VALUES ($1, $2, $3)
ON CONFLICT (contest_id, act) WHERE state = 'waiting' DO NOTHING RETURNING request_id;


-- name: read_request
-- The newest request for an act.
--   $1 contest_id  text
--   $2 act         text
SELECT request_id, state, answer FROM desk.request WHERE contest_id = $1 AND act = $2 ORDER BY request_id DESC LIMIT 1;


-- name: settle_request
-- Say how a request ended.
--   $1 request_id  bigint
--   $2 state       text: done or refused
--   $3 answer      text
UPDATE desk.request SET state = $2, answer = $3 WHERE request_id = $1 AND state = 'waiting';


-- name: list_waiting
-- Requests that wait, oldest first.
SELECT request_id, contest_id, act FROM desk.request WHERE state = 'waiting' ORDER BY request_id;


-- name: hold_contest
-- Hold a contest while its phase moves.
--   $1 contest_id  text
SELECT draft, phase, manifest, ctx FROM desk.contest WHERE contest_id = $1 FOR UPDATE;


-- name: sign_contest
-- Store the signed manifest. It never changes.
--   $1 contest_id  text
--   $2 manifest    bytea, the note
--   $3 ctx         bytea, 32 bytes
UPDATE desk.contest SET manifest = $2, ctx = $3 WHERE contest_id = $1 AND manifest IS NULL RETURNING contest_id;


-- name: move_phase
-- Move a contest to its next phase. No row when it is not in the one before.
--   $1 contest_id  text
--   $2 before      text
--   $3 after       text
UPDATE desk.contest SET phase = $3 WHERE contest_id = $1 AND phase = $2 RETURNING contest_id;


-- name: list_active
-- Contests that rooms are at work for.
SELECT contest_id, phase FROM desk.contest WHERE phase IN ('approved', 'open') ORDER BY contest_id;


-- name: read_posix
-- The service's clock, POSIX seconds.
SELECT weighin.posix();


-- name: read_rehearsal
-- Whether this database is a rehearsal.
SELECT rehearsal FROM weighin.installation;
