-- The pages of items whose feed asks for full text.

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
