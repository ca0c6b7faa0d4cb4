-- How a feed publishes and what it asks for; what each poll could not read; when items may have been missed.

ALTER TABLE feeds ADD COLUMN rhythm_s INTEGER;

ALTER TABLE feeds ADD COLUMN last_item_at TEXT;

ALTER TABLE feeds ADD COLUMN hints TEXT NOT NULL DEFAULT '{}';

ALTER TABLE feeds ADD COLUMN hubs TEXT NOT NULL DEFAULT '[]';

ALTER TABLE feeds ADD COLUMN topic TEXT;

ALTER TABLE fetches ADD COLUMN skipped TEXT NOT NULL DEFAULT '{}';

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
