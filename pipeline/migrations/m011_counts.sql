-- Mentions counted by feed too, and the days on which each feed was watched: for what is unusual.

DROP TRIGGER tally_insert;

DROP TRIGGER tally_delete;

DROP TABLE tally;

CREATE TABLE tally (              -- mentions by the hour (UTC) in which their item was first seen: 2026-11-27T09
  hour TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  feed_id TEXT NOT NULL,
  mentions INTEGER NOT NULL,
  PRIMARY KEY (hour, entity_id, feed_id)
) WITHOUT ROWID;

INSERT INTO tally
  SELECT substr(i.first_seen_at, 1, 13), m.entity_id, i.feed_id, count(*)
  FROM mentions m JOIN items i ON i.id = m.item_id GROUP BY 1, 2, 3;

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

INSERT INTO feed_days
  SELECT DISTINCT feed_id, substr(started_at, 1, 10) FROM fetches WHERE outcome NOT IN ('error', 'gone');

CREATE TRIGGER feed_days_insert AFTER INSERT ON fetches WHEN new.outcome NOT IN ('error', 'gone') BEGIN
  INSERT INTO feed_days VALUES (new.feed_id, substr(new.started_at, 1, 10)) ON CONFLICT DO NOTHING;
END;
