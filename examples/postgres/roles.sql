-- Two roles for Authly on PostgreSQL 13 or newer, and a database for them. Run it by psql as a superuser, or as a role with
-- CREATEROLE and CREATEDB, connected to any other database; README.md beside this file says what comes before and after:
--
--   psql --dbname postgres --file roles.sql
--   psql --dbname postgres --file roles.sql --set database=login --set schema=public     to use other names
--
--   authly_owner   owns the database, the schema and the tables; authly migrate runs as this role, and nothing else
--   authly_app     reads and writes rows, and no more; authly serve and the other commands run as this role
--
-- It may be run again, and sets right what was changed since. It gives no passwords: what stands here may end up in a log.
\set ON_ERROR_STOP on
\if :{?database}
\else
  \set database authly
\endif
\if :{?schema}
\else
  \set schema authly
\endif

-- Neither role may make others or databases, nor is a superuser: that is what a role is if nothing is said.
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['authly_owner', 'authly_app']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- Whoever is no superuser can give a database only to a role that it belongs to.
SELECT format('GRANT authly_owner TO %I', current_user)
WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \gexec

SELECT format('CREATE DATABASE %I OWNER authly_owner TEMPLATE template0 ENCODING ''UTF8''', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
ALTER DATABASE :"database" OWNER TO authly_owner;

-- PUBLIC is every role of the server, and may by default connect and make temporary tables.
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO authly_app;

\connect :"database"

CREATE SCHEMA IF NOT EXISTS :"schema" AUTHORIZATION authly_owner;
ALTER SCHEMA :"schema" OWNER TO authly_owner;

-- In older versions PUBLIC may create in the schema public: a function or table of somebody else's there could be taken for one
-- of Authly's. Names are looked for in Authly's schema alone, and in no temporary tables before that.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON SCHEMA :"schema" FROM PUBLIC;
ALTER ROLE authly_owner IN DATABASE :"database" SET search_path = :"schema", pg_temp;
ALTER ROLE authly_app IN DATABASE :"database" SET search_path = :"schema", pg_temp;

-- Tables that are there already, of a time when one role did everything. Their sequences go with them.
SELECT format('ALTER TABLE %I.%I OWNER TO authly_owner', schemaname, tablename) FROM pg_tables
WHERE schemaname = :'schema' AND tableowner <> 'authly_owner' \gexec

-- Rows, and numbers for them: of the tables that are there, and of those that later migrations of authly_owner make.
GRANT USAGE ON SCHEMA :"schema" TO authly_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA :"schema" TO authly_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA :"schema" TO authly_app;
-- Which migrations there were is for the owner to say. "authly migrate" sees to that in a new database.
SELECT format('REVOKE INSERT, UPDATE, DELETE ON %I.%I FROM authly_app', schemaname, tablename) FROM pg_tables
WHERE schemaname = :'schema' AND tablename = 'schema_version' \gexec
ALTER DEFAULT PRIVILEGES FOR ROLE authly_owner IN SCHEMA :"schema"
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO authly_app;
ALTER DEFAULT PRIVILEGES FOR ROLE authly_owner IN SCHEMA :"schema"
  GRANT USAGE, SELECT ON SEQUENCES TO authly_app;
