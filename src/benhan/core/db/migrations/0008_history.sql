-- History of a type and of the whole facility, newest first. The system's history is a merge of the types' own, so that
-- one index serves both and a type that the caller may not read is never walked.
create index history_recent on history (facility, type, updated desc, id desc, version desc);
