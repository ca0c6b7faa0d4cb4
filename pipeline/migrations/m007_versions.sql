-- Versions of items whose page was read in full.

ALTER TABLE item_versions ADD COLUMN feed_content TEXT;
