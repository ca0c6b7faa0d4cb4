-- Digests as records of what was reported, messages and where they go, alerts.

ALTER TABLE digests ADD COLUMN text TEXT NOT NULL DEFAULT '';

ALTER TABLE digests ADD COLUMN timezone TEXT;

ALTER TABLE digests ADD COLUMN covers_from TEXT;

ALTER TABLE digests ADD COLUMN covers_until TEXT;

ALTER TABLE digests ADD COLUMN first_item_id INTEGER;

ALTER TABLE digests ADD COLUMN last_item_id INTEGER;

ALTER TABLE digests ADD COLUMN watchlist_version TEXT;

ALTER TABLE digests ADD COLUMN program TEXT;

ALTER TABLE digests ADD COLUMN is_complete INTEGER NOT NULL DEFAULT 0;

CREATE INDEX items_edited ON items(updated_at) WHERE updated_at > first_seen_at;

CREATE INDEX item_versions_by_time ON item_versions(seen_at);

CREATE TABLE messages (           -- what is sent: a digest, whose text stands in digests, or an alert
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('digest', 'alert')),
  about TEXT NOT NULL,            -- the digest's date, or the alert's name
  subject TEXT NOT NULL,
  text TEXT NOT NULL DEFAULT '',
  markdown TEXT NOT NULL DEFAULT '',
  html TEXT NOT NULL DEFAULT '',
  json TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL
);

CREATE INDEX messages_by_about ON messages(kind, about, id);

CREATE TABLE deliveries (         -- a message on its way to one target, and how that went
  id INTEGER PRIMARY KEY,
  message_id INTEGER NOT NULL REFERENCES messages(id),
  target TEXT NOT NULL,           -- as the configuration names it, without its secrets
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed')),
  tries INTEGER NOT NULL DEFAULT 0,
  tried_at TEXT,
  next_try_at TEXT,               -- NULL: at once, or never again
  sent_at TEXT,
  last_error TEXT,
  UNIQUE (message_id, target)
);

CREATE INDEX deliveries_waiting ON deliveries(state, next_try_at);

CREATE TABLE alerting (           -- the alerts that are configured; while there are none, nothing waits in unalerted
  alert TEXT PRIMARY KEY,
  since TEXT NOT NULL,
  counted_at TEXT                 -- when the counts of the day were looked at last
);

CREATE TABLE unalerted (          -- items with new mentions that no alert has looked at yet
  item_id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE
);

CREATE TRIGGER unalerted_mention AFTER INSERT ON mentions WHEN EXISTS (SELECT 1 FROM alerting) BEGIN
  INSERT INTO unalerted VALUES (new.item_id) ON CONFLICT DO NOTHING;
END;

CREATE TABLE alerts (             -- each story, and each unusual count, that an alert tells of: once
  id INTEGER PRIMARY KEY,
  alert TEXT NOT NULL,            -- its name in the configuration
  item_id INTEGER REFERENCES items(id) ON DELETE CASCADE,  -- of the story; NULL: of an unusual count
  entity_id TEXT NOT NULL,        -- what was mentioned, the foremost of several
  day TEXT,                       -- of an unusual count: the local day
  mentions INTEGER,               -- of an unusual count
  usual INTEGER,
  found_at TEXT NOT NULL,
  message_id INTEGER REFERENCES messages(id)  -- NULL: waits for the end of quiet hours, or of the hour
);

CREATE UNIQUE INDEX alerts_by_count ON alerts(alert, entity_id, day) WHERE day IS NOT NULL;

CREATE INDEX alerts_by_item ON alerts(item_id);

CREATE INDEX alerts_by_message ON alerts(message_id, alert);
