-- Version 4: which task of which job array a job is.

ALTER TABLE jobs ADD COLUMN array_of INTEGER;    -- the job of the first task
ALTER TABLE jobs ADD COLUMN array_index INTEGER;
