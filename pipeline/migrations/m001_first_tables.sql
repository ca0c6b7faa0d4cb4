-- The tables of the first release.

CREATE TABLE feeds (
  id TEXT PRIMARY KEY,
  url TEXT NOT NULL,              -- the address polled now, after permanent moves
  configured_url TEXT NOT NULL,
  title TEXT,
  state TEXT NOT NULL DEFAULT 'ok'
    CHECK (state IN ('ok', 'error', 'backoff', 'gone', 'moved', 'disabled')),
  etag TEXT,                      -- both validators byte for byte, of the last body whose items are stored
  last_modified TEXT,
  validators_url TEXT,            -- the address that gave them
  body_hash TEXT,
  last_status INTEGER,
  last_error TEXT,
  last_success_at TEXT,
  last_polled_at TEXT,
  next_poll_at TEXT,
  hold_until TEXT,                -- the server asked not to be polled before
  interval_s INTEGER NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE fetches (            -- the log of every poll: append only
  id INTEGER PRIMARY KEY,
  feed_id TEXT NOT NULL REFERENCES feeds(id),
  started_at TEXT NOT NULL,
  finished_at TEXT NOT NULL,
  status INTEGER,
  bytes INTEGER NOT NULL DEFAULT 0,
  outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'unchanged', 'not_modified', 'gone', 'error')),
  error TEXT,
  items_seen INTEGER NOT NULL DEFAULT 0,
  items_new INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX fetches_by_feed ON fetches(feed_id, id);

CREATE INDEX fetches_by_start ON fetches(started_at);

CREATE TABLE stories (
  id INTEGER PRIMARY KEY,
  lead_item_id INTEGER REFERENCES items(id),
  title TEXT NOT NULL DEFAULT '',
  first_seen_at TEXT NOT NULL,
  last_seen_at TEXT NOT NULL,
  items_count INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE items (
  id INTEGER PRIMARY KEY,
  feed_id TEXT NOT NULL REFERENCES feeds(id),
  guid TEXT NOT NULL,             -- the feed's own id, else the canonical address, else a hash
  url TEXT,
  canonical_url TEXT,
  title TEXT NOT NULL DEFAULT '',
  summary TEXT NOT NULL DEFAULT '',
  content TEXT NOT NULL DEFAULT '',
  author TEXT,
  language TEXT,
  published_at TEXT,
  first_seen_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  story_id INTEGER REFERENCES stories(id),
  UNIQUE (feed_id, guid)
);

CREATE INDEX items_by_first_seen ON items(first_seen_at);

CREATE INDEX items_by_published ON items(published_at);

CREATE INDEX items_by_story ON items(story_id);

CREATE TABLE item_versions (      -- what an edited item said before
  id INTEGER PRIMARY KEY,
  item_id INTEGER NOT NULL REFERENCES items(id) ON DELETE CASCADE,
  seen_at TEXT NOT NULL,          -- when this text was first seen
  title TEXT NOT NULL,
  summary TEXT NOT NULL,
  content TEXT NOT NULL,
  content_hash TEXT NOT NULL
);

CREATE INDEX item_versions_by_item ON item_versions(item_id);

CREATE TABLE entities (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  parent_id TEXT REFERENCES entities(id) DEFERRABLE INITIALLY DEFERRED,
  description TEXT NOT NULL DEFAULT ''
);

CREATE TABLE mentions (
  id INTEGER PRIMARY KEY,
  item_id INTEGER NOT NULL REFERENCES items(id) ON DELETE CASCADE,
  entity_id TEXT NOT NULL REFERENCES entities(id),
  field TEXT NOT NULL CHECK (field IN ('title', 'summary', 'content')),
  start INTEGER NOT NULL,         -- Unicode characters of the field
  "end" INTEGER NOT NULL,
  text TEXT NOT NULL,
  rule TEXT NOT NULL,
  score REAL NOT NULL,
  evidence TEXT NOT NULL,         -- JSON: the sentence and the context that decided
  watchlist_version TEXT NOT NULL
);

CREATE INDEX mentions_by_item ON mentions(item_id);

CREATE INDEX mentions_by_entity ON mentions(entity_id, item_id);

CREATE INDEX mentions_by_rule ON mentions(rule);

CREATE TABLE verdicts (           -- what analysts said: append only, the newest stands
  id INTEGER PRIMARY KEY,
  item_id INTEGER NOT NULL REFERENCES items(id),
  mention_id INTEGER REFERENCES mentions(id) ON DELETE SET NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('relevant', 'irrelevant', 'escalated', 'wrong_tag', 'missed_tag')),
  entity_id TEXT REFERENCES entities(id),
  note TEXT NOT NULL DEFAULT '',
  reviewer TEXT NOT NULL,
  created_at TEXT NOT NULL
);

CREATE INDEX verdicts_by_item ON verdicts(item_id, id);

CREATE INDEX verdicts_by_mention ON verdicts(mention_id);

CREATE TABLE digests (
  date TEXT PRIMARY KEY,          -- the local day
  created_at TEXT NOT NULL,
  html TEXT NOT NULL,
  markdown TEXT NOT NULL,
  json TEXT NOT NULL
);

CREATE VIRTUAL TABLE items_fts USING fts5(
  title, summary, content, content='items', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);

CREATE TRIGGER items_fts_insert AFTER INSERT ON items BEGIN
  INSERT INTO items_fts(rowid, title, summary, content) VALUES (new.id, new.title, new.summary, new.content);
END;

CREATE TRIGGER items_fts_delete AFTER DELETE ON items BEGIN
  INSERT INTO items_fts(items_fts, rowid, title, summary, content)
    VALUES ('delete', old.id, old.title, old.summary, old.content);
END;

CREATE TRIGGER items_fts_update AFTER UPDATE OF title, summary, content ON items BEGIN
  INSERT INTO items_fts(items_fts, rowid, title, summary, content)
    VALUES ('delete', old.id, old.title, old.summary, old.content);
  INSERT INTO items_fts(rowid, title, summary, content) VALUES (new.id, new.title, new.summary, new.content);
END;
