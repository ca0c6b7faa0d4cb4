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
, aliases TEXT NOT NULL DEFAULT '{}', "references" TEXT NOT NULL DEFAULT '{}', priority REAL NOT NULL DEFAULT 1);
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
CREATE TABLE verdicts (           -- what analysts said: append only, the newest stands
  id INTEGER PRIMARY KEY,
  item_id INTEGER NOT NULL REFERENCES items(id),
  mention_id INTEGER REFERENCES mentions(id) ON DELETE SET NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('relevant', 'irrelevant', 'escalated', 'wrong_tag', 'missed_tag')),
  entity_id TEXT REFERENCES entities(id),
  note TEXT NOT NULL DEFAULT '',
  reviewer TEXT NOT NULL,
  created_at TEXT NOT NULL
, field TEXT, start INTEGER, "end" INTEGER, text TEXT, rule TEXT, batch TEXT);
CREATE INDEX verdicts_by_item ON verdicts(item_id, id);
CREATE INDEX verdicts_by_mention ON verdicts(mention_id);
CREATE TABLE digests (
  date TEXT PRIMARY KEY,          -- the local day
  created_at TEXT NOT NULL,
  html TEXT NOT NULL,
  markdown TEXT NOT NULL,
  json TEXT NOT NULL
, text TEXT NOT NULL DEFAULT '', timezone TEXT, covers_from TEXT, covers_until TEXT, first_item_id INTEGER, last_item_id INTEGER, watchlist_version TEXT, program TEXT, is_complete INTEGER NOT NULL DEFAULT 0);
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
CREATE TABLE undos (              -- verdicts that were taken back; append only, too
  verdict_id INTEGER PRIMARY KEY REFERENCES verdicts(id),
  reviewer TEXT NOT NULL,
  created_at TEXT NOT NULL
);
CREATE TABLE notes (              -- remarks on an item that decide nothing; append only
  id INTEGER PRIMARY KEY,
  item_id INTEGER NOT NULL REFERENCES items(id),
  note TEXT NOT NULL,
  reviewer TEXT NOT NULL,
  created_at TEXT NOT NULL
);
CREATE INDEX notes_by_item ON notes(item_id);
CREATE INDEX verdicts_by_rule ON verdicts(rule);
CREATE TRIGGER verdicts_stay BEFORE DELETE ON verdicts BEGIN
  SELECT raise(ABORT, 'verdicts are only ever added');
END;
CREATE TRIGGER verdicts_keep BEFORE UPDATE OF item_id, verdict, entity_id, note, reviewer, created_at, batch ON verdicts
WHEN old.item_id IS NOT new.item_id OR old.verdict IS NOT new.verdict OR old.entity_id IS NOT new.entity_id
  OR old.note IS NOT new.note OR old.reviewer IS NOT new.reviewer OR old.created_at IS NOT new.created_at
  OR old.batch IS NOT new.batch
BEGIN
  SELECT raise(ABORT, 'verdicts are only ever added');
END;
CREATE TABLE lessons (            -- what a wrong tag taught: a condition that would have held it back; append only
  id INTEGER PRIMARY KEY,
  verdict_id INTEGER NOT NULL REFERENCES verdicts(id),
  entity_id TEXT NOT NULL,
  rule TEXT NOT NULL,
  pattern TEXT NOT NULL,          -- for unless, in the notation of patterns
  within TEXT NOT NULL DEFAULT 'sentence',
  sentence TEXT NOT NULL,
  lost INTEGER NOT NULL,          -- what it would have cost and brought over the stored items then
  gained INTEGER NOT NULL,
  gold TEXT NOT NULL,             -- the regression case: one line for evaluate
  reviewer TEXT NOT NULL,
  created_at TEXT NOT NULL
);
CREATE TABLE rule_counts (        -- how many stored mentions each rule has made
  rule TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  mentions INTEGER NOT NULL,
  PRIMARY KEY (rule, entity_id)
) WITHOUT ROWID;
CREATE TRIGGER rule_counts_insert AFTER INSERT ON mentions BEGIN
  INSERT INTO rule_counts (rule, entity_id, mentions) VALUES (new.rule, new.entity_id, 1)
    ON CONFLICT (rule, entity_id) DO UPDATE SET mentions = mentions + 1;
END;
CREATE TRIGGER rule_counts_delete AFTER DELETE ON mentions BEGIN
  UPDATE rule_counts SET mentions = mentions - 1 WHERE rule = old.rule AND entity_id = old.entity_id;
END;
CREATE TRIGGER rule_counts_update AFTER UPDATE OF rule, entity_id ON mentions
WHEN old.rule != new.rule OR old.entity_id != new.entity_id BEGIN
  UPDATE rule_counts SET mentions = mentions - 1 WHERE rule = old.rule AND entity_id = old.entity_id;
  INSERT INTO rule_counts (rule, entity_id, mentions) VALUES (new.rule, new.entity_id, 1)
    ON CONFLICT (rule, entity_id) DO UPDATE SET mentions = mentions + 1;
END;
CREATE INDEX mentions_by_rule ON mentions(rule, item_id);
CREATE INDEX lessons_by_verdict ON lessons(verdict_id);
CREATE TRIGGER lessons_stay BEFORE DELETE ON lessons BEGIN
  SELECT raise(ABORT, 'lessons are only ever added');
END;
CREATE TRIGGER lessons_keep BEFORE UPDATE ON lessons BEGIN
  SELECT raise(ABORT, 'lessons are only ever added');
END;
CREATE TABLE queue (              -- each tagged story as the review shows it; worked out anew when something of it changes
  story_id INTEGER PRIMARY KEY,
  item_id INTEGER NOT NULL,       -- its lead, if that is tagged, else its tagged item stored first
  state TEXT NOT NULL CHECK (state IN ('awaiting', 'relevant', 'irrelevant', 'escalated', 'wrong_tag')),
  score REAL NOT NULL,            -- the best of its mentions that nobody called wrong
  priority REAL NOT NULL,         -- the highest of its entities
  outlets INTEGER NOT NULL,       -- feeds that brought it
  at INTEGER NOT NULL,            -- seconds since 1970: when it was first reported
  rank REAL NOT NULL              -- what it is sorted by, the best first; does not change with time
);
CREATE INDEX queue_by_rank ON queue(state, rank DESC, story_id);
CREATE TABLE queue_facets (       -- what the queue is filtered by: kind is entity, feed, language, day or all
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  state TEXT NOT NULL,
  rank REAL NOT NULL,
  story_id INTEGER NOT NULL,
  PRIMARY KEY (kind, value, state, rank, story_id)
) WITHOUT ROWID;
CREATE INDEX queue_facets_by_story ON queue_facets(story_id, kind, value);
CREATE TABLE queue_counts (       -- how many stories each value of a facet has
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  state TEXT NOT NULL,
  stories INTEGER NOT NULL,
  PRIMARY KEY (kind, value, state)
) WITHOUT ROWID;
CREATE TRIGGER queue_facets_insert AFTER INSERT ON queue_facets BEGIN
  INSERT INTO queue_counts (kind, value, state, stories) VALUES (new.kind, new.value, new.state, 1)
    ON CONFLICT (kind, value, state) DO UPDATE SET stories = stories + 1;
END;
CREATE TRIGGER queue_facets_delete AFTER DELETE ON queue_facets BEGIN
  UPDATE queue_counts SET stories = stories - 1 WHERE kind = old.kind AND value = old.value AND state = old.state;
END;
CREATE TABLE unqueued (           -- stories whose place in the queue is to be worked out anew
  story_id INTEGER PRIMARY KEY
);
CREATE TRIGGER unqueued_mention_insert AFTER INSERT ON mentions BEGIN
  INSERT INTO unqueued SELECT story_id FROM items WHERE id = new.item_id AND story_id IS NOT NULL ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER unqueued_mention_update AFTER UPDATE ON mentions BEGIN
  INSERT INTO unqueued SELECT story_id FROM items WHERE id = new.item_id AND story_id IS NOT NULL ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER unqueued_mention_delete AFTER DELETE ON mentions BEGIN
  INSERT INTO unqueued SELECT story_id FROM items WHERE id = old.item_id AND story_id IS NOT NULL ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER unqueued_item_moves AFTER UPDATE OF story_id ON items WHEN old.story_id IS NOT new.story_id BEGIN
  INSERT INTO unqueued SELECT old.story_id WHERE old.story_id IS NOT NULL ON CONFLICT DO NOTHING;
  INSERT INTO unqueued SELECT new.story_id WHERE new.story_id IS NOT NULL ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER unqueued_story AFTER UPDATE OF lead_item_id ON stories
WHEN old.lead_item_id IS NOT new.lead_item_id AND EXISTS (SELECT 1 FROM queue WHERE story_id = new.id) BEGIN
  INSERT INTO unqueued VALUES (new.id) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER unqueued_verdict AFTER INSERT ON verdicts BEGIN
  INSERT INTO unqueued SELECT story_id FROM items WHERE id = new.item_id AND story_id IS NOT NULL ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER unqueued_undo AFTER INSERT ON undos BEGIN
  INSERT INTO unqueued
    SELECT i.story_id FROM verdicts v JOIN items i ON i.id = v.item_id WHERE v.id = new.verdict_id AND i.story_id IS NOT NULL
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER unqueued_item_changes AFTER UPDATE OF published_at, language ON items
WHEN (old.published_at IS NOT new.published_at OR old.language IS NOT new.language)
  AND EXISTS (SELECT 1 FROM queue WHERE story_id = new.story_id) BEGIN
  INSERT INTO unqueued VALUES (new.story_id) ON CONFLICT DO NOTHING;
END;
CREATE INDEX items_by_language ON items(language);
CREATE TABLE queue_zone (         -- the time zone whose days the queue is filtered by
  id INTEGER PRIMARY KEY CHECK (id = 1),
  timezone TEXT NOT NULL
);
CREATE TRIGGER unqueued_priority AFTER UPDATE OF priority ON entities WHEN old.priority != new.priority BEGIN
  INSERT INTO unqueued SELECT story_id FROM queue_facets WHERE kind = 'entity' AND value = new.id ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER items_lose_mentions BEFORE DELETE ON items BEGIN
  DELETE FROM mentions WHERE item_id = old.id;
END;
CREATE TABLE heartbeat (          -- of the daemon
  id INTEGER PRIMARY KEY CHECK (id = 1),
  pid INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  seen_at TEXT NOT NULL
);
CREATE INDEX pages_by_try ON pages(next_try_at, tried_at, outcome);
CREATE TABLE grams (              -- of texts in Korean, Chinese and Japanese: every two characters that stand side by side
  item_id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE,
  grams TEXT NOT NULL
);
CREATE TABLE ungrammed (          -- items whose grams are to be worked out
  item_id INTEGER PRIMARY KEY REFERENCES items(id) ON DELETE CASCADE
);
CREATE VIEW items_searched AS
  SELECT i.id, i.title, i.summary, i.content, coalesce(g.grams, '') AS grams
  FROM items i LEFT JOIN grams g ON g.item_id = i.id;
CREATE VIRTUAL TABLE items_fts USING fts5(
  title, summary, content, grams, content='items_searched', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);
CREATE TABLE 'items_fts_data'(id INTEGER PRIMARY KEY, block BLOB);
CREATE TABLE 'items_fts_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
CREATE TABLE 'items_fts_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
CREATE TABLE 'items_fts_config'(k PRIMARY KEY, v) WITHOUT ROWID;
CREATE TRIGGER items_fts_insert AFTER INSERT ON items BEGIN
  INSERT INTO items_fts(rowid, title, summary, content, grams)
    VALUES (new.id, new.title, new.summary, new.content, '');
END;
CREATE TRIGGER items_lose_grams BEFORE DELETE ON items BEGIN
  DELETE FROM grams WHERE item_id = old.id;
END;
CREATE TRIGGER items_fts_delete AFTER DELETE ON items BEGIN
  INSERT INTO items_fts(items_fts, rowid, title, summary, content, grams)
    VALUES ('delete', old.id, old.title, old.summary, old.content, '');
END;
CREATE TRIGGER items_fts_update AFTER UPDATE OF title, summary, content ON items BEGIN
  INSERT INTO items_fts(items_fts, rowid, title, summary, content, grams)
    VALUES ('delete', old.id, old.title, old.summary, old.content,
            coalesce((SELECT grams FROM grams WHERE item_id = old.id), ''));
  INSERT INTO items_fts(rowid, title, summary, content, grams)
    VALUES (new.id, new.title, new.summary, new.content,
            coalesce((SELECT grams FROM grams WHERE item_id = new.id), ''));
END;
CREATE TRIGGER ungrammed_insert AFTER INSERT ON items
WHEN new.title || new.summary || new.content GLOB '*[ᄀ-ᇿ぀-ヿ㄰-㆏㐀-䶿一-鿿가-힣豈-﫿]*' BEGIN
  INSERT INTO ungrammed VALUES (new.id) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER ungrammed_update AFTER UPDATE OF title, summary, content ON items
WHEN EXISTS (SELECT 1 FROM grams WHERE item_id = new.id)
  OR new.title || new.summary || new.content GLOB '*[ᄀ-ᇿ぀-ヿ㄰-㆏㐀-䶿一-鿿가-힣豈-﫿]*' BEGIN
  INSERT INTO ungrammed VALUES (new.id) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER grams_insert AFTER INSERT ON grams BEGIN
  INSERT INTO items_fts(items_fts, rowid, title, summary, content, grams)
    SELECT 'delete', id, title, summary, content, '' FROM items WHERE id = new.item_id;
  INSERT INTO items_fts(rowid, title, summary, content, grams)
    SELECT id, title, summary, content, new.grams FROM items WHERE id = new.item_id;
END;
CREATE TRIGGER grams_update AFTER UPDATE OF grams ON grams BEGIN
  INSERT INTO items_fts(items_fts, rowid, title, summary, content, grams)
    SELECT 'delete', id, title, summary, content, old.grams FROM items WHERE id = old.item_id;
  INSERT INTO items_fts(rowid, title, summary, content, grams)
    SELECT id, title, summary, content, new.grams FROM items WHERE id = new.item_id;
END;
CREATE TRIGGER grams_delete AFTER DELETE ON grams BEGIN
  INSERT INTO items_fts(items_fts, rowid, title, summary, content, grams)
    SELECT 'delete', id, title, summary, content, old.grams FROM items WHERE id = old.item_id;
  INSERT INTO items_fts(rowid, title, summary, content, grams)
    SELECT id, title, summary, content, '' FROM items WHERE id = old.item_id;
END;
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
CREATE TABLE tally (              -- mentions by the hour (UTC) in which their item was first seen: 2026-11-27T09
  hour TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  feed_id TEXT NOT NULL,
  mentions INTEGER NOT NULL,
  PRIMARY KEY (hour, entity_id, feed_id)
) WITHOUT ROWID;
CREATE TRIGGER tally_insert AFTER INSERT ON mentions BEGIN
  INSERT INTO tally (hour, entity_id, feed_id, mentions)
    SELECT substr(first_seen_at, 1, 13), new.entity_id, feed_id, 1 FROM items WHERE id = new.item_id
    ON CONFLICT (hour, entity_id, feed_id) DO UPDATE SET mentions = mentions + 1;
END;
CREATE TRIGGER tally_delete AFTER DELETE ON mentions BEGIN
  UPDATE tally SET mentions = mentions - 1
    WHERE (hour, entity_id, feed_id) =
      (SELECT substr(first_seen_at, 1, 13), old.entity_id, feed_id FROM items WHERE id = old.item_id);
END;
CREATE TABLE feed_days (          -- the days (UTC) on which a feed answered
  feed_id TEXT NOT NULL,
  day TEXT NOT NULL,
  PRIMARY KEY (feed_id, day)
) WITHOUT ROWID;
CREATE TRIGGER feed_days_insert AFTER INSERT ON fetches WHEN new.outcome NOT IN ('error', 'gone') BEGIN
  INSERT INTO feed_days VALUES (new.feed_id, substr(new.started_at, 1, 10)) ON CONFLICT DO NOTHING;
END;
