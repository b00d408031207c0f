-- 0001: the rooms as database roles, and the one clock.
--
-- Each room (registrar, box, tallier, desk, public) works under a role of its own, so that a mistake or a break-in in
-- one can't read or write what belongs to another. Roles belong to the whole cluster: several databases share them.
--
-- All SQL and all code below the routes read one clock, weighin.clock(). Its offset can only be set in a database that
-- was made as a rehearsal, and only forward.

DO $$
DECLARE room text;
BEGIN
    FOREACH room IN ARRAY ARRAY['weighin_registrar', 'weighin_box', 'weighin_tallier', 'weighin_desk', 'weighin_public']
    LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', room);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database of this cluster made it
        END;
        IF NOT pg_has_role(current_user, room, 'USAGE') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', room);
        END IF;
    END LOOP;
END $$;

CREATE SCHEMA IF NOT EXISTS weighin;
GRANT USAGE ON SCHEMA weighin TO weighin_registrar, weighin_box, weighin_tallier, weighin_desk, weighin_public;

CREATE TABLE weighin.installation (
    only_row     boolean  PRIMARY KEY DEFAULT true CHECK (only_row),
    rehearsal    boolean  NOT NULL,
    clock_offset interval NOT NULL DEFAULT interval '0',
    CHECK (rehearsal OR clock_offset = interval '0')
);
GRANT SELECT ON weighin.installation TO weighin_registrar, weighin_box, weighin_tallier, weighin_desk, weighin_public;

CREATE FUNCTION weighin.keep_installation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.rehearsal IS DISTINCT FROM OLD.rehearsal THEN
        RAISE EXCEPTION 'whether a database is a rehearsal is said once, when it is made';
    END IF;
    IF NEW.clock_offset < OLD.clock_offset THEN
        RAISE EXCEPTION 'the clock never goes back';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_installation BEFORE UPDATE ON weighin.installation
    FOR EACH ROW EXECUTE FUNCTION weighin.keep_installation();

-- The moment, by the database's clock; clock_timestamp() and not now(), which is when the transaction began.
CREATE FUNCTION weighin.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT clock_timestamp() + clock_offset FROM weighin.installation';

-- The same as POSIX seconds, rounded down: what manifests, promises and notes count in.
CREATE FUNCTION weighin.posix() RETURNS bigint LANGUAGE sql VOLATILE AS
    'SELECT floor(extract(epoch FROM clock_timestamp() + clock_offset))::bigint FROM weighin.installation';
