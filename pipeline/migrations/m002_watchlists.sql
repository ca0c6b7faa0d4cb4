-- Which watch-list tagged an item; what a watch-list said; what a verdict on a mention was about.

CREATE TABLE watchlists (         -- every watch-list that ever tagged, so that an old mention's rule can be read
  version TEXT PRIMARY KEY,
  first_used_at TEXT NOT NULL,
  content TEXT NOT NULL           -- JSON
);

ALTER TABLE items ADD COLUMN watchlist_version TEXT;

CREATE INDEX items_by_watchlist ON items(watchlist_version);

ALTER TABLE entities ADD COLUMN aliases TEXT NOT NULL DEFAULT '{}';

ALTER TABLE entities ADD COLUMN "references" TEXT NOT NULL DEFAULT '{}';

ALTER TABLE verdicts ADD COLUMN field TEXT;

ALTER TABLE verdicts ADD COLUMN start INTEGER;

ALTER TABLE verdicts ADD COLUMN "end" INTEGER;

ALTER TABLE verdicts ADD COLUMN text TEXT;

ALTER TABLE verdicts ADD COLUMN rule TEXT;

UPDATE verdicts SET (field, start, "end", text, rule) =
  (SELECT field, start, "end", text, rule FROM mentions m WHERE m.id = verdicts.mention_id)
  WHERE mention_id IS NOT NULL;
