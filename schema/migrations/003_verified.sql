-- Version 3: when the bytes of a generation were last read again and found good.

ALTER TABLE generations ADD COLUMN verified_at INTEGER;
