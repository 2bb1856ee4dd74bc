-- The whole of an Arqueta's metadata: one ordered table, a feed of changes, and who serves it.

-- Values are sealed or tagged: compressing them costs time and saves nothing.
CREATE TABLE records (
    key bytea PRIMARY KEY,
    value bytea NOT NULL
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE records ALTER COLUMN value SET STORAGE EXTERNAL;

CREATE TABLE changes (position bigint PRIMARY KEY, body bytea NOT NULL);
ALTER TABLE changes ALTER COLUMN body SET STORAGE EXTERNAL;
-- Numbers are taken under a lock that is held until the commit, and never twice.
CREATE SEQUENCE positions AS bigint CACHE 1;

-- One row: which store this is, whether a data folder belongs to it, and whose turn it is.
CREATE TABLE gateway (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    store text NOT NULL DEFAULT gen_random_uuid()::text,
    bound boolean NOT NULL DEFAULT false,
    token bigint NOT NULL DEFAULT 0,
    holder text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now()
);
INSERT INTO gateway DEFAULT VALUES;

-- One row a connection that commits: the number of its last batch that happened. It tells what became of a
-- batch whose answer was lost; and without its row a connection commits nothing.
CREATE TABLE sessions (
    session bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    serial bigint NOT NULL DEFAULT 0,
    closed boolean NOT NULL DEFAULT false
) WITH (fillfactor = 20);

-- A batch, whole or not at all: 0 it happened, 1 a precondition does not hold, 2 the connection may not commit.
--
-- Two-phase locking on hashes of keys, in one order for all: what is written exclusively, what is compared
-- shared. Each statement below has a snapshot of its own that begins after the locks are held, which needs
-- READ COMMITTED: under a stricter level the snapshot would be older than the locks.
CREATE FUNCTION apply_batch(
    my_session bigint, my_serial bigint,
    locks bigint[], shared boolean[],
    same_keys bytea[], same_values bytea[], present bytea[], empty bytea[],
    deleted bytea[], put_keys bytea[], put_values bytea[], announced bytea[]
) RETURNS smallint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'apply_batch needs READ COMMITTED' USING ERRCODE = 'feature_not_supported';
    END IF;
    FOR n IN 1 .. cardinality(locks) LOOP
        IF shared[n] THEN
            PERFORM pg_advisory_xact_lock_shared(locks[n]);
        ELSE
            PERFORM pg_advisory_xact_lock(locks[n]);
        END IF;
    END LOOP;
    -- Subqueries that give one value: each is one look into the index, whatever the planner thinks of the table.
    IF cardinality(same_keys) > 0 AND EXISTS (
        SELECT FROM unnest(same_keys, same_values) AS p (k, v)
        WHERE (SELECT r.value FROM records r WHERE r.key = p.k) IS DISTINCT FROM p.v
    ) THEN
        RETURN 1;
    END IF;
    IF cardinality(present) > 0 AND EXISTS (
        SELECT FROM unnest(present) AS p (k) WHERE (SELECT r.key FROM records r WHERE r.key = p.k) IS NULL
    ) THEN
        RETURN 1;
    END IF;
    -- The first key from the prefix on begins with it, or none does.
    IF cardinality(empty) > 0 AND EXISTS (
        SELECT FROM unnest(empty) AS p (k)
        WHERE (SELECT substring(r.key FROM 1 FOR length(p.k)) = p.k FROM records r WHERE r.key >= p.k ORDER BY r.key LIMIT 1)
    ) THEN
        RETURN 1;
    END IF;
    -- From here on it happens, unless whoever looks for its answer, or another gateway, forbade it.
    UPDATE sessions SET serial = my_serial WHERE session = my_session AND serial < my_serial AND NOT closed;
    IF NOT FOUND THEN
        RETURN 2;
    END IF;
    IF cardinality(deleted) > 0 THEN
        DELETE FROM records WHERE key = ANY (deleted);
    END IF;
    IF cardinality(put_keys) > 0 THEN
        INSERT INTO records AS r (key, value) SELECT p.k, p.v FROM unnest(put_keys, put_values) AS p (k, v)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value;
    END IF;
    IF cardinality(announced) > 0 THEN
        INSERT INTO changes (position, body)
        SELECT nextval('positions'), a.body
        FROM (SELECT body FROM unnest(announced) WITH ORDINALITY AS u (body, n) ORDER BY n) AS a;
    END IF;
    RETURN 0;
END
$$;
