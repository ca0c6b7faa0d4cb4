-- The review: a queue of stories that is kept ready, undo and notes, what was learnt from wrong tags; search in Korean, Chinese and Japanese; counts by hour.

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

ALTER TABLE verdicts ADD COLUMN batch TEXT;

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

INSERT INTO rule_counts SELECT rule, entity_id, count(*) FROM mentions GROUP BY rule, entity_id;

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

DROP INDEX mentions_by_rule;

CREATE INDEX mentions_by_rule ON mentions(rule, item_id);

CREATE INDEX lessons_by_verdict ON lessons(verdict_id);

CREATE TRIGGER lessons_stay BEFORE DELETE ON lessons BEGIN
  SELECT raise(ABORT, 'lessons are only ever added');
END;

CREATE TRIGGER lessons_keep BEFORE UPDATE ON lessons BEGIN
  SELECT raise(ABORT, 'lessons are only ever added');
END;

ALTER TABLE entities ADD COLUMN priority REAL NOT NULL DEFAULT 1;

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

INSERT OR IGNORE INTO unqueued SELECT i.story_id FROM mentions m JOIN items i ON i.id = m.item_id WHERE i.story_id IS NOT NULL;

-- Not INSERT OR IGNORE: in a trigger that an upsert fires, the upsert's way with conflicts counts, and that is to fail
-- (https://sqlite.org/lang_createtrigger.html).
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

CREATE TABLE tally (              -- mentions by the hour (UTC) in which their item was first seen: 2026-11-27T09
  hour TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  mentions INTEGER NOT NULL,
  PRIMARY KEY (hour, entity_id)
) WITHOUT ROWID;

INSERT INTO tally SELECT substr(i.first_seen_at, 1, 13), m.entity_id, count(*) FROM mentions m JOIN items i ON i.id = m.item_id GROUP BY 1, 2;

CREATE TRIGGER tally_insert AFTER INSERT ON mentions BEGIN
  INSERT INTO tally (hour, entity_id, mentions)
    SELECT substr(first_seen_at, 1, 13), new.entity_id, 1 FROM items WHERE id = new.item_id
    ON CONFLICT (hour, entity_id) DO UPDATE SET mentions = mentions + 1;
END;

CREATE TRIGGER tally_delete AFTER DELETE ON mentions BEGIN
  UPDATE tally SET mentions = mentions - 1
    WHERE entity_id = old.entity_id AND hour = (SELECT substr(first_seen_at, 1, 13) FROM items WHERE id = old.item_id);
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

DROP INDEX pages_by_try;

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

DROP TRIGGER items_fts_insert;

DROP TRIGGER items_fts_delete;

DROP TRIGGER items_fts_update;

DROP TABLE items_fts;

CREATE VIRTUAL TABLE items_fts USING fts5(
  title, summary, content, grams, content='items_searched', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);

INSERT INTO items_fts(items_fts) VALUES ('rebuild');

INSERT INTO ungrammed SELECT id FROM items WHERE title || summary || content GLOB '*[ᄀ-ᇿ぀-ヿ㄰-㆏㐀-䶿一-鿿가-힣豈-﫿]*';

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
