-- 0005: the ballot box. It never holds a person.
--
-- Ballots wait in a partition of their contest. Sealing an epoch moves them to box.ballot in the order of their
-- digests, in one transaction, and truncates the partition: the order in which they came is kept nowhere. PostgreSQL
-- keeps arrival order in ctid and xmin of a table that is only added to, which is why they are moved. No times, no
-- sequence, no address.

CREATE SCHEMA box;
GRANT USAGE ON SCHEMA box TO weighin_box, weighin_tallier;

CREATE TABLE box.contest (
    contest_id text    PRIMARY KEY CHECK (contest_id ~ '^[a-z0-9](-?[a-z0-9]){0,63}$'),
    manifest   bytea   NOT NULL,              -- canonical JSON
    ctx        bytea   NOT NULL CHECK (octet_length(ctx) = 32),
    state      text    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    opens_at   bigint  NOT NULL,              -- POSIX seconds
    closes_at  bigint  NOT NULL CHECK (closes_at > opens_at),
    epoch      integer NOT NULL DEFAULT 1,    -- the one that is being filled
    epoch_started_at bigint NOT NULL,
    include_by bigint  NOT NULL               -- deadline of the epoch that is being filled; in every promise of it
);

CREATE TABLE box.pending (
    contest_id text   NOT NULL,
    pk         bytea  NOT NULL CHECK (octet_length(pk) = 32),
    rev        bigint NOT NULL CHECK (rev >= 1),
    digest     bytea  NOT NULL CHECK (octet_length(digest) = 32),
    header     bytea  NOT NULL,
    sealed     bytea  NOT NULL,
    sig        bytea  NOT NULL CHECK (octet_length(sig) = 64),
    PRIMARY KEY (contest_id, pk, rev)
) PARTITION BY LIST (contest_id);

CREATE TABLE box.ballot (
    contest_id text    NOT NULL,
    pk         bytea   NOT NULL,
    rev        bigint  NOT NULL,
    digest     bytea   NOT NULL,
    header     bytea   NOT NULL,
    sealed     bytea   NOT NULL,
    sig        bytea   NOT NULL,
    epoch      integer NOT NULL,
    PRIMARY KEY (contest_id, pk, rev)
);

CREATE TABLE box.epoch (
    contest_id text    NOT NULL REFERENCES box.contest,
    number     integer NOT NULL CHECK (number >= 0),
    size       bigint  NOT NULL,              -- entries of the whole log at its end
    entries    bytea   NOT NULL,              -- of this epoch, 33 bytes each
    checkpoint bytea   NOT NULL,
    include_by bigint  NOT NULL,
    PRIMARY KEY (contest_id, number)
);

-- The partition of a contest; the owner makes it, the box may add, read and truncate.
CREATE FUNCTION box.make_pending(contest text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog AS $$
DECLARE name text := 'pending_' || md5(contest);
BEGIN
    EXECUTE format('CREATE TABLE box.%I PARTITION OF box.pending FOR VALUES IN (%L)', name, contest);
    EXECUTE format('GRANT SELECT, INSERT, TRUNCATE ON box.%I TO weighin_box', name);
END $$;

-- Empty the partition of a contest. Only for the transaction that has just moved its rows.
CREATE FUNCTION box.clear_pending(contest text) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog AS $$
BEGIN
    EXECUTE format('TRUNCATE box.%I', 'pending_' || md5(contest));
END $$;
REVOKE ALL ON FUNCTION box.make_pending(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION box.make_pending(text) TO weighin_box;

GRANT SELECT, INSERT, UPDATE ON box.contest TO weighin_box;
GRANT SELECT, INSERT ON box.pending, box.ballot, box.epoch TO weighin_box;

-- What the tallier may open: the ballots of closed contests, and of no others. A view runs with its owner's rights.
CREATE VIEW box.closed_ballot WITH (security_barrier) AS
    SELECT ballot.contest_id, ballot.pk, ballot.rev, ballot.digest, ballot.header, ballot.sealed, ballot.sig
      FROM box.ballot
      JOIN box.contest USING (contest_id)
     WHERE contest.state = 'closed';
CREATE VIEW box.closed_epoch WITH (security_barrier) AS
    SELECT epoch.contest_id, epoch.number, epoch.size, epoch.entries, epoch.checkpoint
      FROM box.epoch
      JOIN box.contest USING (contest_id)
     WHERE contest.state = 'closed';
GRANT SELECT ON box.closed_ballot, box.closed_epoch TO weighin_tallier;
