-- Published files. Rooms add and replace their own; nobody else writes.


-- name: remove_file
-- Take away all pieces of a file, to put a newer version in its place.
--   $1 contest_id  text, '' for files of the whole service
--   $2 name        text
DELETE FROM published.file WHERE contest_id = $1 AND name = $2;


-- name: add_piece
-- Add one piece of a file.
--   $1 contest_id  text
--   $2 name        text
--   $3 piece       integer, from 0
--   $4 body        bytea
INSERT INTO published.file (contest_id, name, piece, body) VALUES ($1, $2, $3, $4);


-- name: read_pieces
-- All pieces of a file, in order; none where it is not published.
--   $1 contest_id  text
--   $2 name        text
SELECT body FROM published.file WHERE contest_id = $1 AND name = $2 ORDER BY piece;


-- name: describe_file
-- Size and tag of a file, without its bytes: the tag is the hash of its pieces' hashes. No row where it is not
-- published.
--   $1 contest_id  text
--   $2 name        text
SELECT sum(octet_length(body))::bigint AS size, encode(sha256(string_agg(sha256, ''::bytea ORDER BY piece)), 'hex') AS tag
  FROM published.file WHERE contest_id = $1 AND name = $2 HAVING count(*) > 0;


-- name: read_part
-- Some bytes of one piece of a file.
--   $1 contest_id  text
--   $2 name        text
--   $3 piece       integer
--   $4 start       integer, from 0
--   $5 size        integer
SELECT substring(body FROM $4::integer + 1 FOR $5::integer) AS body FROM published.file
 WHERE contest_id = $1 AND name = $2 AND piece = $3;


-- name: list_names
-- The names of a contest's files, bytewise.
--   $1 contest_id  text
SELECT name FROM published.file WHERE contest_id = $1 AND piece = 0 ORDER BY name COLLATE "C";


-- name: list_contests
-- Every contest that has a listing.
SELECT contest_id FROM published.file
 WHERE name = 'listing.json' AND piece = 0 AND contest_id <> '' ORDER BY contest_id COLLATE "C";


-- name: read_posix
-- The service's clock, POSIX seconds.
SELECT weighin.posix();


-- name: read_rehearsal
-- Whether this database is a rehearsal.
SELECT rehearsal FROM weighin.installation;


-- name: read_listings
-- Listing and turnout of every contest.
SELECT contest_id, name, body FROM published.file
 WHERE name IN ('listing.json', 'turnout.json') AND piece = 0 AND contest_id <> ''
 ORDER BY contest_id COLLATE "C", name COLLATE "C";


-- name: list_sizes
-- The names of a contest's files, bytewise, each with its size in bytes.
--   $1 contest_id  text
SELECT name, sum(octet_length(body))::bigint AS size FROM published.file
 WHERE contest_id = $1 GROUP BY name ORDER BY name COLLATE "C";


-- name: count_epochs
-- For each contest: epochs of its log so far, and their entries (33 bytes each).
SELECT contest_id, count(*) AS epochs, (sum(octet_length(body)) / 33)::bigint AS entries FROM published.file
 WHERE name LIKE 'log/epoch/%' GROUP BY contest_id ORDER BY contest_id COLLATE "C";
