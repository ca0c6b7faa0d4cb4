-- Subscriptions at hubs, and which fetches were pushed by one.

ALTER TABLE fetches ADD COLUMN source TEXT NOT NULL DEFAULT 'poll';

CREATE TABLE subscriptions (      -- at WebSub hubs; callback address and secret are derived with a key kept elsewhere
  id INTEGER PRIMARY KEY,
  feed_id TEXT NOT NULL REFERENCES feeds(id),
  hub TEXT NOT NULL,
  topic TEXT NOT NULL,            -- what the hub knows the feed by
  public_url TEXT NOT NULL,       -- what the callback address begins with
  salt TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('requested', 'active', 'denied', 'failed', 'ended')),
  requested_at TEXT NOT NULL,     -- the hub was asked last
  verified_at TEXT,               -- the hub asked back, and the lease began
  lease_ends_at TEXT,
  last_push_at TEXT,
  pushes INTEGER NOT NULL DEFAULT 0,    -- stored
  rejected INTEGER NOT NULL DEFAULT 0,  -- not signed as they must be, or too large
  failures INTEGER NOT NULL DEFAULT 0,  -- requests in a row that led to nothing yet
  last_error TEXT,
  next_try_at TEXT,               -- of a request that is not confirmed
  UNIQUE (feed_id, hub, topic)
);
