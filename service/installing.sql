-- What a database is said to be, and a rehearsal's clock.


-- name: begin
-- Say whether this is a rehearsal, once.
--   $1 rehearsal  boolean
--   $2 start_at   double precision, POSIX seconds where the clock starts; NULL for now
INSERT INTO weighin.installation (rehearsal, clock_offset)
VALUES ($1, coalesce(to_timestamp($2::double precision) - clock_timestamp(), interval '0'))
ON CONFLICT DO NOTHING;


-- name: read_rehearsal
-- Whether this is a rehearsal.
SELECT rehearsal FROM weighin.installation;


-- name: move_clock
-- Move the clock forward. Real databases refuse, by constraint.
--   $1 to  double precision, POSIX seconds
UPDATE weighin.installation
   SET clock_offset = to_timestamp($1::double precision) - clock_timestamp()
 WHERE to_timestamp($1::double precision) - clock_timestamp() > clock_offset;


-- name: read_posix
-- The service's clock, POSIX seconds.
SELECT weighin.posix();
