-- Folding copies into stories: how an item is found among others, and which items are still to be folded.

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

INSERT INTO unfolded (item_id) SELECT id FROM items;

CREATE INDEX items_by_address ON items(canonical_url);

CREATE INDEX stories_by_last_seen ON stories(last_seen_at);

CREATE INDEX stories_by_lead ON stories(lead_item_id);

ALTER TABLE item_versions ADD COLUMN mentions TEXT;
