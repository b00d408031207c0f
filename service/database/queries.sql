-- The database about itself: which databases there are, and which migrations this one has had.


-- name: create_database_statement
-- The statement that makes a database; names can't be arguments of it.
--   $1 name      text
--   $2 template  text, the database to copy
SELECT format('CREATE DATABASE %I TEMPLATE %I', $1::text, $2::text);


-- name: drop_database_statement
-- The statement that drops a database and cuts the connections to it.
--   $1 name  text
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', $1::text);


-- name: list_databases
-- Every database but the server's own.
SELECT datname::text AS name
  FROM pg_catalog.pg_database
 WHERE NOT datistemplate
   AND datname <> 'postgres'
 ORDER BY datname;


-- name: lock_migrations
-- Wait for the turn to migrate this database; kept until unlock_migrations or the connection ends.
--   $1 key  bigint
SELECT pg_catalog.pg_advisory_lock($1);


-- name: unlock_migrations
-- Let the next one migrate.
--   $1 key  bigint
SELECT pg_catalog.pg_advisory_unlock($1);


-- name: create_ledger_schema
-- The schema that every migration may count on.
CREATE SCHEMA IF NOT EXISTS weighin;


-- name: create_ledger
-- What has been applied to this database, and the SHA-256 of the file it came from.
CREATE TABLE IF NOT EXISTS weighin.migrations (
    number     integer     PRIMARY KEY CHECK (number > 0),
    name       text        NOT NULL,
    sha256     bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);


-- name: list_migrations
-- What has been applied, in order.
SELECT number, name, sha256
  FROM weighin.migrations
 ORDER BY number;


-- name: limit_lock_wait
-- For the rest of the transaction: give up after half a second of waiting for a table, because whoever comes to the
-- table later waits behind us.
SELECT pg_catalog.set_config('lock_timeout', '500ms', true);


-- name: add_migration
-- Note a migration as applied.
--   $1 number  integer
--   $2 name    text, the file's name
--   $3 sha256  bytea, 32 bytes, of the file
INSERT INTO weighin.migrations (number, name, sha256)
VALUES ($1, $2, $3);


-- name: wait_for_disk
-- Answer a commit when it is on disk, whatever the server, the database or the role says.
SET synchronous_commit = on;
