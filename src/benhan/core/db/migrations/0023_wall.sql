-- A cluster that was upgraded from before PostgreSQL 15 lets everybody make functions and operators in this schema,
-- which would then run for whoever comes by. Whose connection may still do so is refused (core/db/wall.py).
revoke create on schema public from public;
