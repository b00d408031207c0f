-- 0006: casting as one call, so that a batch costs one round trip and not four.
--
-- The function is VOLATILE, so every statement in it sees what was committed before it: the insertion sees what was
-- sealed while the contest was waited for, and the clock is read once the contest is held, so that who had to wait is
-- not taken at a moment that has gone. It runs with the caller's rights.
--
-- Earlier revisions are looked up key by key, in an index: a subquery that is not a join, and no scan of a whole table.
-- As a join, the planner would read every ballot that waits for each batch, since it takes the table for a small one
-- until it has been analyzed.

-- Add ballots whose revision is above every one of the same key, if the contest takes ballots at this moment. `taking`
-- and `late` are NULL where there is no such contest; `late` says that the epoch is over and waits to be sealed, and
-- then nothing is added. `added` holds the digests of what was added. In the order of keys, so that two batches that
-- meet never wait for each other in a circle.
CREATE FUNCTION box.add_ballots(contest text, pks bytea[], revs bigint[], digests bytea[], headers bytea[],
                                sealeds bytea[], sigs bytea[],
                                OUT taking boolean, OUT late boolean, OUT include_by bigint, OUT added bytea[])
LANGUAGE plpgsql SET search_path = pg_catalog SET enable_seqscan = off AS $$
DECLARE held record; now bigint;
BEGIN
    added := '{}';
    SELECT c.state, c.opens_at, c.closes_at, c.include_by INTO held
      FROM box.contest AS c WHERE c.contest_id = contest FOR SHARE OF c;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    now := weighin.posix();
    taking := held.state = 'open' AND held.opens_at <= now AND now < held.closes_at;
    late := held.include_by < now;
    include_by := held.include_by;
    IF NOT taking OR late THEN
        RETURN;
    END IF;
    WITH stored AS (
        INSERT INTO box.pending (contest_id, pk, rev, digest, header, sealed, sig)
        SELECT contest, new.pk, new.rev, new.digest, new.header, new.sealed, new.sig
          FROM unnest(pks, revs, digests, headers, sealeds, sigs) AS new (pk, rev, digest, header, sealed, sig)
         WHERE new.rev > coalesce((SELECT max(old.rev) FROM box.pending AS old
                                    WHERE old.contest_id = contest AND old.pk = new.pk), 0)
           AND new.rev > coalesce((SELECT max(old.rev) FROM box.ballot AS old
                                    WHERE old.contest_id = contest AND old.pk = new.pk), 0)
         ORDER BY new.pk, new.rev
        ON CONFLICT DO NOTHING
        RETURNING digest
    )
    SELECT coalesce(array_agg(stored.digest), '{}') INTO added FROM stored;
END $$;
REVOKE ALL ON FUNCTION box.add_ballots(text, bytea[], bigint[], bytea[], bytea[], bytea[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION box.add_ballots(text, bytea[], bigint[], bytea[], bytea[], bytea[], bytea[]) TO weighin_box;
