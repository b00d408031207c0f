-- 0002: what is public.
--
-- One table holds every published file of every contest, by its name in the bundle. A file is public because it is
-- here: results are written here in the one transaction that publishes them, and nowhere earlier. Each room may only
-- write the names that are its own.

CREATE SCHEMA published;
GRANT USAGE ON SCHEMA published TO weighin_registrar, weighin_box, weighin_tallier, weighin_desk, weighin_public;

CREATE TABLE published.file (
    contest_id text     NOT NULL,                  -- '' for files of the whole service
    name       text     NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    piece      integer  NOT NULL CHECK (piece >= 0),  -- large files are cut, so that a row stays small
    body       bytea    NOT NULL,
    PRIMARY KEY (contest_id, name, piece)
);

ALTER TABLE published.file ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone_reads ON published.file FOR SELECT USING (true);
CREATE POLICY registrar_writes ON published.file TO weighin_registrar
    USING (name LIKE 'issuance/%' OR name IN ('roll.txt', 'turnout.json'))
    WITH CHECK (name LIKE 'issuance/%' OR name IN ('roll.txt', 'turnout.json'));
CREATE POLICY box_writes ON published.file TO weighin_box
    USING (name LIKE 'log/%') WITH CHECK (name LIKE 'log/%');
CREATE POLICY desk_writes ON published.file TO weighin_desk
    USING (NOT (name LIKE 'issuance/%' OR name LIKE 'log/%' OR name IN ('roll.txt', 'turnout.json')))
    WITH CHECK (NOT (name LIKE 'issuance/%' OR name LIKE 'log/%' OR name IN ('roll.txt', 'turnout.json')));

GRANT SELECT ON published.file TO weighin_registrar, weighin_box, weighin_tallier, weighin_desk, weighin_public;
GRANT INSERT, UPDATE, DELETE ON published.file TO weighin_registrar, weighin_box, weighin_desk;
