-- From which address an act was asked for: that of the connection, or what a trusted proxy said (BALP: agent.network).
-- Rows of before, and acts of the program's own, have none; their canonical bytes stay what they were (seals/rows.py).
alter table audit add address text;
