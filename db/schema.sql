-- The schema of the database, as the migrations build it. Written by: make schema

CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
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
, rhythm_s INTEGER, last_item_at TEXT, hints TEXT NOT NULL DEFAULT '{}', hubs TEXT NOT NULL DEFAULT '[]', topic TEXT);
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
, skipped TEXT NOT NULL DEFAULT '{}', source TEXT NOT NULL DEFAULT 'poll');
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
  story_id INTEGER REFERENCES stories(id), watchlist_version TEXT,
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
, mentions TEXT, feed_content TEXT);
CREATE INDEX item_versions_by_item ON item_versions(item_id);
CREATE TABLE entities (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  parent_id TEXT REFERENCES entities(id) DEFERRABLE INITIALLY DEFERRED,
  description TEXT NOT NULL DEFAULT ''
, aliases TEXT NOT NULL DEFAULT '{}', "references" TEXT NOT NULL DEFAULT '{}');
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
, field TEXT, start INTEGER, "end" INTEGER, text TEXT, rule TEXT);
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
CREATE TABLE 'items_fts_data'(id INTEGER PRIMARY KEY, block BLOB);
CREATE TABLE 'items_fts_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
CREATE TABLE 'items_fts_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
CREATE TABLE 'items_fts_config'(k PRIMARY KEY, v) WITHOUT ROWID;
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
CREATE TABLE watchlists (         -- every watch-list that ever tagged, so that an old mention's rule can be read
  version TEXT PRIMARY KEY,
  first_used_at TEXT NOT NULL,
  content TEXT NOT NULL           -- JSON
);
CREATE INDEX items_by_watchlist ON items(watchlist_version);
CREATE TABLE gaps (               -- times in which items may have come and gone unseen
  id INTEGER PRIMARY KEY,
  feed_id TEXT NOT NULL REFERENCES feeds(id),
  fetch_id INTEGER REFERENCES fetches(id),  -- the poll that shared no item with what is stored
  from_at TEXT NOT NULL,          -- the last successful poll before it
  to_at TEXT NOT NULL,
  newest_before TEXT,             -- when the newest item stored then was published
  oldest_after TEXT,              -- when the oldest item of the later poll was
  missing INTEGER,                -- how many items would have fitted between, by the feed's rhythm
  filled_at TEXT                  -- when the feed was walked back past it
);
CREATE INDEX gaps_by_feed ON gaps(feed_id, id);
CREATE INDEX gaps_by_time ON gaps(to_at);
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
CREATE TABLE pages (              -- of items whose feed has full_text: what their page gave, and when it is tried again
  item_id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE,
  tries INTEGER NOT NULL DEFAULT 0,
  tried_at TEXT,
  next_try_at TEXT,               -- NULL: the text is there, or it was given up
  outcome TEXT,                   -- of the last try: taken, or why the feed's text stays
  reason TEXT,
  feed_content TEXT               -- what the feed said where the page's text now stands
);
CREATE INDEX pages_by_try ON pages(next_try_at);
CREATE TABLE fingerprints (       -- the keys under which an item's copies are found
  item_id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE,
  at INTEGER NOT NULL,            -- seconds since 1970: when it was published, or first seen where that is earlier
  size INTEGER NOT NULL,          -- characters of its title and text
  keys BLOB NOT NULL              -- whole numbers of 6 bytes
);
CREATE TABLE bands (              -- the same keys the other way round
  bucket INTEGER NOT NULL,        -- the fortnight since 1970
  key INTEGER NOT NULL,
  item_id INTEGER NOT NULL,
  PRIMARY KEY (bucket, key, item_id)
) WITHOUT ROWID;
CREATE TABLE unfolded (           -- items whose story is still to be worked out, from their present text
  item_id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE,
  keys BLOB,                      -- where they were worked out already
  rebuild INTEGER NOT NULL DEFAULT 0  -- 1: of a rebuild that has not come to its end
);
CREATE INDEX items_by_address ON items(canonical_url);
CREATE INDEX stories_by_last_seen ON stories(last_seen_at);
CREATE INDEX stories_by_lead ON stories(lead_item_id);
CREATE INDEX items_by_feed ON items(feed_id);
