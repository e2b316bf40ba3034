-- What a search needs to know of events, in blocks of columns, so that it reads the wide rows of the events it returns and of no other.
DROP INDEX ix_events_newest;

-- The events up to `last` that are in no earlier block. Those behind the last block are in none yet.
CREATE TABLE blocks (
    last   INTEGER PRIMARY KEY, -- the id of its last event
    events INTEGER NOT NULL,
    oldest INTEGER NOT NULL, -- timestamps
    newest INTEGER NOT NULL,
    gone   BLOB    NOT NULL  -- a bit for each event: whether it was removed since
) STRICT;

-- The columns of each block, in the form of src/pserve/store/blocks.
CREATE TABLE block_columns (
    key  INTEGER PRIMARY KEY, -- 16 times the block, and the number of the column
    data BLOB    NOT NULL
) STRICT;
