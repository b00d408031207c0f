-- 0007: what a published file is told apart by, without reading it: the hash of each piece. Pieces are kept as they are,
-- not compressed, so that a part of one is read without the rest.

ALTER TABLE published.file ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE published.file ADD COLUMN sha256 bytea GENERATED ALWAYS AS (sha256(body)) STORED;
