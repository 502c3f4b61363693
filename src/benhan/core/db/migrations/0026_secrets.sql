-- What a bulk job was asked is encrypted like its address (core/store/jobs.py), so it is text to PostgreSQL.
alter table bulk_job alter asked type text;
