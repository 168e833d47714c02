CREATE TABLE calls (
	id TEXT PRIMARY KEY,
	start INTEGER NOT NULL,          -- microseconds since 1970, as all times here
	answered INTEGER,
	ended INTEGER,
	direction TEXT NOT NULL,
	outcome TEXT NOT NULL,
	caller TEXT NOT NULL,
	caller_agent TEXT NOT NULL,
	dialled TEXT NOT NULL,
	queue TEXT NOT NULL,             -- the last one
	agent TEXT NOT NULL,             -- who answered last
	rating INTEGER NOT NULL,
	settled INTEGER NOT NULL,        -- 1: over, and nothing more is expected
	record TEXT NOT NULL             -- the whole, JSON of calls.Call
) STRICT;
CREATE INDEX calls_start ON calls (start);
CREATE INDEX calls_open ON calls (settled) WHERE settled = 0;

CREATE TABLE channels (
	id TEXT PRIMARY KEY,
	call TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX channels_call ON channels (call);

-- The lines that calls were made of, kept for some days.
CREATE TABLE facts (
	id INTEGER PRIMARY KEY,
	call TEXT NOT NULL,
	source INTEGER NOT NULL,
	at INTEGER NOT NULL,
	line TEXT NOT NULL
) STRICT;
CREATE INDEX facts_call ON facts (call);

CREATE TABLE agent_events (
	key BLOB PRIMARY KEY,            -- of the line: one that is read twice is one
	at INTEGER NOT NULL,
	agent TEXT NOT NULL,
	kind TEXT NOT NULL,              -- login, logout, pause, unpause
	queue TEXT NOT NULL,             -- empty: all
	seat TEXT NOT NULL,
	reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_events_at ON agent_events (at);

CREATE TABLE restarts (at INTEGER PRIMARY KEY) STRICT;

CREATE TABLE positions (
	source INTEGER NOT NULL,
	inode INTEGER NOT NULL,
	head TEXT NOT NULL,
	head_size INTEGER NOT NULL,
	offset INTEGER NOT NULL,
	PRIMARY KEY (source, inode)
) STRICT, WITHOUT ROWID;

-- Lines that could not be read, for a person to look at.
CREATE TABLE damaged (
	id INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	source INTEGER NOT NULL,
	line TEXT NOT NULL,
	reason TEXT NOT NULL
) STRICT;

CREATE TABLE recordings (
	id TEXT PRIMARY KEY,             -- the channel that was recorded
	call TEXT NOT NULL,
	path TEXT NOT NULL UNIQUE,       -- under the recordings' folder
	at INTEGER NOT NULL,
	seconds REAL NOT NULL,
	bytes INTEGER NOT NULL,
	caller TEXT NOT NULL,
	agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX recordings_at ON recordings (at);
CREATE INDEX recordings_call ON recordings (call);

CREATE TABLE audit (
	id INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	who TEXT NOT NULL,
	address TEXT NOT NULL,
	action TEXT NOT NULL,
	what TEXT NOT NULL,
	detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_what ON audit (what);
