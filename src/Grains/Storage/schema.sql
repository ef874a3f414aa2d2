-- The tables of a cluster. Every statement may be run again; PixSearch.Silo --init-db runs the file in one transaction.

-- Sessions. The epoch is the fence: whoever owns a session raised it, and every write names the epoch it was made under.
CREATE TABLE IF NOT EXISTS pix_session (
    id text PRIMARY KEY,
    epoch bigint NOT NULL DEFAULT 0,
    tenant text NOT NULL,
    model text NOT NULL,
    request jsonb NOT NULL,
    picture_hash text NOT NULL,
    entries integer NOT NULL DEFAULT 0,
    over boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- The engine that claimed the session last: a grain that comes up anew finds it there.
ALTER TABLE pix_session ADD COLUMN IF NOT EXISTS engine text NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS pix_session_open ON pix_session (created_at) WHERE NOT over;
-- For the removal of what was kept long enough.
CREATE INDEX IF NOT EXISTS pix_session_created ON pix_session (created_at);
CREATE INDEX IF NOT EXISTS pix_session_picture ON pix_session (picture_hash);

-- The inputs of a session, in order: replayed, they give the same events. An entry of NULL is a fence: a claim took the
-- position at which the last owner would have written next. No foreign key: it would cost every token a locked row.
CREATE TABLE IF NOT EXISTS pix_session_entry (
    session_id text NOT NULL,
    position integer NOT NULL,
    epoch bigint NOT NULL,
    entry json,
    PRIMARY KEY (session_id, position)
);
ALTER TABLE pix_session_entry ALTER COLUMN entry DROP NOT NULL;
ALTER TABLE pix_session_entry DROP CONSTRAINT IF EXISTS pix_session_entry_session_id_fkey;

-- Encoded pictures, once each; created_at is when one was last sent.
CREATE TABLE IF NOT EXISTS pix_picture (
    hash text PRIMARY KEY,
    bytes bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS pix_picture_created ON pix_picture (created_at);

-- Budgets of tenants: spent is settled, reservations are set aside.
CREATE TABLE IF NOT EXISTS pix_ledger (
    tenant text PRIMARY KEY,
    spent bigint NOT NULL DEFAULT 0 CHECK (spent >= 0)
);
CREATE TABLE IF NOT EXISTS pix_reservation (
    tenant text NOT NULL,
    id text NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    used bigint CHECK (used >= 0 AND used <= amount),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, id)
);
CREATE INDEX IF NOT EXISTS pix_reservation_created ON pix_reservation (created_at);

-- Membership: the names of tables, columns, parameters and query keys are the contract of Microsoft.Orleans.Clustering.AdoNet;
-- the statements are ours. Each is one statement, so that it is atomic without functions or explicit transactions.
CREATE TABLE IF NOT EXISTS OrleansQuery (
    QueryKey varchar(64) PRIMARY KEY,
    QueryText varchar(8000) NOT NULL
);
CREATE TABLE IF NOT EXISTS OrleansMembershipVersionTable (
    DeploymentId varchar(150) PRIMARY KEY,
    Timestamp timestamptz(3) NOT NULL DEFAULT now(),
    Version integer NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS OrleansMembershipTable (
    DeploymentId varchar(150) NOT NULL REFERENCES OrleansMembershipVersionTable (DeploymentId),
    Address varchar(45) NOT NULL,
    Port integer NOT NULL,
    Generation integer NOT NULL,
    SiloName varchar(150) NOT NULL,
    HostName varchar(150) NOT NULL,
    Status integer NOT NULL,
    ProxyPort integer,
    SuspectTimes varchar(8000),
    StartTime timestamptz(3) NOT NULL,
    IAmAliveTime timestamptz(3) NOT NULL,
    PRIMARY KEY (DeploymentId, Address, Port, Generation)
);

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES
('InsertMembershipVersionKey', $q$
    WITH added AS (
        INSERT INTO OrleansMembershipVersionTable (DeploymentId) VALUES (@DeploymentId)
        ON CONFLICT (DeploymentId) DO NOTHING RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM added)
$q$),
('InsertMembershipKey', $q$
    WITH raised AS (
        UPDATE OrleansMembershipVersionTable SET Timestamp = now(), Version = Version + 1
        WHERE DeploymentId = @DeploymentId AND Version = @Version AND NOT EXISTS (
            SELECT 1 FROM OrleansMembershipTable
            WHERE DeploymentId = @DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation)
        RETURNING 1),
    added AS (
        INSERT INTO OrleansMembershipTable (DeploymentId, Address, Port, Generation, SiloName, HostName, Status, ProxyPort,
            StartTime, IAmAliveTime)
        SELECT @DeploymentId, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime
        FROM raised RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM added)
$q$),
('UpdateMembershipKey', $q$
    WITH raised AS (
        UPDATE OrleansMembershipVersionTable SET Timestamp = now(), Version = Version + 1
        WHERE DeploymentId = @DeploymentId AND Version = @Version RETURNING 1),
    changed AS (
        UPDATE OrleansMembershipTable SET Status = @Status, SuspectTimes = @SuspectTimes, IAmAliveTime = @IAmAliveTime
        WHERE DeploymentId = @DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation
            AND EXISTS (SELECT 1 FROM raised) RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM changed)
$q$),
('UpdateIAmAlivetimeKey', $q$
    UPDATE OrleansMembershipTable SET IAmAliveTime = @IAmAliveTime
    WHERE DeploymentId = @DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation
$q$),
('MembershipReadRowKey', $q$
    SELECT v.DeploymentId, m.Address, m.Port, m.Generation, m.SiloName, m.HostName, m.Status, m.ProxyPort, m.SuspectTimes,
        m.StartTime, m.IAmAliveTime, v.Version
    FROM OrleansMembershipVersionTable v LEFT JOIN OrleansMembershipTable m ON m.DeploymentId = v.DeploymentId
        AND m.Address = @Address AND m.Port = @Port AND m.Generation = @Generation
    WHERE v.DeploymentId = @DeploymentId
$q$),
('MembershipReadAllKey', $q$
    SELECT v.DeploymentId, m.Address, m.Port, m.Generation, m.SiloName, m.HostName, m.Status, m.ProxyPort, m.SuspectTimes,
        m.StartTime, m.IAmAliveTime, v.Version
    FROM OrleansMembershipVersionTable v LEFT JOIN OrleansMembershipTable m ON m.DeploymentId = v.DeploymentId
    WHERE v.DeploymentId = @DeploymentId
$q$),
('DeleteMembershipTableEntriesKey', $q$
    WITH gone AS (DELETE FROM OrleansMembershipTable WHERE DeploymentId = @DeploymentId)
    UPDATE OrleansMembershipVersionTable SET Version = 0 WHERE DeploymentId = @DeploymentId
$q$),
('GatewaysQueryKey', $q$
    SELECT Address, ProxyPort, Generation FROM OrleansMembershipTable
    WHERE DeploymentId = @DeploymentId AND Status = @Status AND ProxyPort > 0
$q$),
('CleanupDefunctSiloEntriesKey', $q$
    DELETE FROM OrleansMembershipTable
    WHERE DeploymentId = @DeploymentId AND IAmAliveTime < @IAmAliveTime AND Status <> 3
$q$)
ON CONFLICT (QueryKey) DO UPDATE SET QueryText = EXCLUDED.QueryText;
