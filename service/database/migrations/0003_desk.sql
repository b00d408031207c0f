-- 0003: the desk: contests as departments write them, requests to the rooms, and what the rooms hand in.
--
-- Rooms never call each other. An officer's act is a request here; each room sees it, does its part with its own keys,
-- and hands in the public half. Rules are frozen by the database: once approved, a draft can't change, and a signed
-- manifest never changes at all.

CREATE SCHEMA desk;
GRANT USAGE ON SCHEMA desk TO weighin_registrar, weighin_box, weighin_tallier, weighin_desk;

CREATE TABLE desk.staff (
    email      text    PRIMARY KEY CHECK (email = lower(email) AND email LIKE '%_@_%'),
    role       text    NOT NULL CHECK (role IN ('officer', 'approver', 'clerk', 'paper_clerk', 'auditor', 'moderator',
                                                'administrator')),
    department text    NOT NULL,
    disabled   boolean NOT NULL DEFAULT false
);

CREATE TABLE desk.contest (
    contest_id text   PRIMARY KEY CHECK (contest_id ~ '^[a-z0-9](-?[a-z0-9]){0,63}$' AND length(contest_id) <= 64),
    draft      bytea  NOT NULL,              -- canonical JSON of schemas.draft.ContestDraft
    phase      text   NOT NULL DEFAULT 'draft'
                      CHECK (phase IN ('draft', 'approved', 'open', 'closed', 'counted', 'answered', 'cancelled')),
    author     text   NOT NULL REFERENCES desk.staff,
    approver   text   REFERENCES desk.staff CHECK (approver <> author),
    manifest   bytea,                        -- the signed note
    ctx        bytea  CHECK (octet_length(ctx) = 32),
    CHECK ((phase = 'draft') = (approver IS NULL) OR phase = 'cancelled'),
    CHECK ((manifest IS NULL) = (ctx IS NULL)),
    CHECK (manifest IS NOT NULL OR phase IN ('draft', 'approved', 'cancelled'))
);

CREATE FUNCTION desk.keep_rules() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    phases CONSTANT text[] := ARRAY['draft', 'approved', 'open', 'closed', 'counted', 'answered'];
BEGIN
    IF OLD.phase <> 'draft' AND (NEW.draft, NEW.author, NEW.approver) IS DISTINCT FROM (OLD.draft, OLD.author, OLD.approver) THEN
        RAISE EXCEPTION 'contest % is approved: its rules are frozen', OLD.contest_id;
    END IF;
    IF OLD.manifest IS NOT NULL AND (NEW.manifest, NEW.ctx) IS DISTINCT FROM (OLD.manifest, OLD.ctx) THEN
        RAISE EXCEPTION 'contest % has a signed manifest, which never changes', OLD.contest_id;
    END IF;
    IF OLD.phase = 'cancelled' OR (NEW.phase <> 'cancelled'
            AND array_position(phases, NEW.phase) NOT IN (array_position(phases, OLD.phase), array_position(phases, OLD.phase) + 1)) THEN
        RAISE EXCEPTION 'contest % cannot go from % to %', OLD.contest_id, OLD.phase, NEW.phase;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_rules BEFORE UPDATE ON desk.contest FOR EACH ROW EXECUTE FUNCTION desk.keep_rules();

-- What staff ask the rooms to do. At most one of a kind waits for a contest.
CREATE TABLE desk.request (
    request_id bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    contest_id text    NOT NULL REFERENCES desk.contest,
    act        text    NOT NULL CHECK (act IN ('open', 'close', 'draw', 'publish')),
    made_by    text    NOT NULL REFERENCES desk.staff,
    state      text    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'refused')),
    answer     text    NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX request_waiting ON desk.request (contest_id, act) WHERE state = 'waiting';

-- What rooms hand in: public halves of keys, then the files that become the bundle. Written once, never changed.
CREATE TABLE desk.handover (
    contest_id text    NOT NULL REFERENCES desk.contest,
    room       text    NOT NULL CHECK (room IN ('registrar', 'box', 'tallier')),
    part       text    NOT NULL,
    piece      integer NOT NULL DEFAULT 0,
    body       bytea   NOT NULL,
    PRIMARY KEY (contest_id, room, part, piece)
);
ALTER TABLE desk.handover ENABLE ROW LEVEL SECURITY;
CREATE POLICY desk_reads ON desk.handover FOR SELECT TO weighin_desk USING (true);
CREATE POLICY registrar_hands_in ON desk.handover TO weighin_registrar USING (room = 'registrar') WITH CHECK (room = 'registrar');
CREATE POLICY box_hands_in ON desk.handover TO weighin_box USING (room = 'box') WITH CHECK (room = 'box');
CREATE POLICY tallier_hands_in ON desk.handover TO weighin_tallier USING (room = 'tallier') WITH CHECK (room = 'tallier');
GRANT SELECT, INSERT ON desk.handover TO weighin_registrar, weighin_box, weighin_tallier;
GRANT SELECT ON desk.handover TO weighin_desk;

GRANT SELECT ON desk.request, desk.contest TO weighin_registrar, weighin_box, weighin_tallier;
GRANT SELECT, INSERT, UPDATE ON desk.staff, desk.contest, desk.request TO weighin_desk;
