-- 0004: the registrar: the roll and who asked for a token. It never holds a ballot.
--
-- Nothing here can be joined to schema box: no key, no time, no sequence in common. Keep it so.

CREATE SCHEMA registrar;
GRANT USAGE ON SCHEMA registrar TO weighin_registrar;

CREATE TABLE registrar.contest (
    contest_id text   PRIMARY KEY,
    roll_id    bytea  NOT NULL CHECK (octet_length(roll_id) = 16),
    state      text   NOT NULL DEFAULT 'preparing' CHECK (state IN ('preparing', 'issuing', 'closed')),
    manifest   bytea,                         -- canonical JSON, once signed
    issues_from bigint,                       -- POSIX seconds
    closes_at  bigint,
    epoch      integer NOT NULL DEFAULT 1,    -- the one that is being filled
    epoch_started_at bigint NOT NULL DEFAULT 0,
    CHECK (state = 'preparing' OR (manifest IS NOT NULL AND issues_from IS NOT NULL AND closes_at IS NOT NULL))
);

CREATE TABLE registrar.roll (
    contest_id text     NOT NULL REFERENCES registrar.contest,
    roll_pk    bytea    NOT NULL CHECK (octet_length(roll_pk) = 32),
    class      text     NOT NULL,
    pool       smallint NOT NULL CHECK (pool IN (0, 1)),
    area       text     NOT NULL DEFAULT '',  -- known here only; published as rounded counts
    handed_out boolean  NOT NULL,             -- mailed codes are; reserve codes by logged notice
    voided     boolean  NOT NULL DEFAULT false,
    PRIMARY KEY (contest_id, roll_pk)
);

CREATE TABLE registrar.issuance (
    contest_id text    NOT NULL,
    roll_pk    bytea   NOT NULL,
    channel    text    NOT NULL,
    requests   text    NOT NULL,              -- SHA-256 of the request to each issuer, hex, joined by spaces
    sig        bytea   NOT NULL CHECK (octet_length(sig) = 64),
    epoch      integer,                       -- NULL while pending
    position   bigint,                        -- in the log, from 0; drawn by lot within its epoch
    PRIMARY KEY (contest_id, roll_pk),
    FOREIGN KEY (contest_id, roll_pk) REFERENCES registrar.roll,
    UNIQUE (contest_id, position),
    CHECK ((epoch IS NULL) = (position IS NULL))
);
CREATE INDEX issuance_pending ON registrar.issuance (contest_id) WHERE epoch IS NULL;

CREATE TABLE registrar.epoch (
    contest_id text    NOT NULL REFERENCES registrar.contest,
    number     integer NOT NULL CHECK (number >= 1),
    size       bigint  NOT NULL,
    entries    bytea   NOT NULL,              -- 32 bytes each
    checkpoint bytea   NOT NULL,
    PRIMARY KEY (contest_id, number)
);

GRANT SELECT, INSERT, UPDATE ON registrar.contest TO weighin_registrar;
GRANT SELECT, INSERT ON registrar.roll TO weighin_registrar;
GRANT UPDATE (handed_out, voided) ON registrar.roll TO weighin_registrar;
GRANT SELECT, INSERT ON registrar.issuance TO weighin_registrar;
GRANT UPDATE (epoch, position) ON registrar.issuance TO weighin_registrar;
GRANT SELECT, INSERT ON registrar.epoch TO weighin_registrar;
