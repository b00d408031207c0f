-- Requests of the desk to the rooms, and what the rooms hand in.


-- name: list_requests
-- Contests for which an act is waiting.
--   $1 act  text: open, close, draw or publish
SELECT request_id, contest_id FROM desk.request WHERE act = $1 AND state = 'waiting' ORDER BY request_id;


-- name: read_draft
-- What the department wrote: canonical JSON of a ContestDraft.
--   $1 contest_id  text
SELECT draft FROM desk.contest WHERE contest_id = $1;


-- name: list_signed
-- Contests with a signed manifest that are not over.
SELECT contest_id, manifest FROM desk.contest WHERE manifest IS NOT NULL AND phase IN ('approved', 'open', 'closed');


-- name: hand_in
-- Hand in one piece of a part. No row changes when it is there already: what is handed in stays.
--   $1 contest_id  text
--   $2 room        text
--   $3 part        text
--   $4 piece       integer, from 0
--   $5 body        bytea
INSERT INTO desk.handover (contest_id, room, part, piece, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;


-- name: read_part
-- All pieces of a part, in order.
--   $1 contest_id  text
--   $2 room        text
--   $3 part        text
SELECT body FROM desk.handover WHERE contest_id = $1 AND room = $2 AND part = $3 ORDER BY piece;


-- name: list_parts
-- The names of the parts that a room has handed in for a contest.
--   $1 contest_id  text
--   $2 room        text
SELECT part FROM desk.handover WHERE contest_id = $1 AND room = $2 AND piece = 0 ORDER BY part COLLATE "C";
