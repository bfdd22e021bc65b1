-- The roles and the database of a composition, made once by the superuser. In an installation, take other passwords.

-- owns the schema; `rampart migrate` connects as it
create role rampart_owner login password 'composition';
-- the server's: owns nothing; `rampart migrate` grants it what it needs
create role rampart login password 'composition';
-- makes and removes the databases that people ask for
create role rampart_provisioner login createdb createrole password 'composition';

create database rampart owner rampart_owner;
revoke all on database rampart from public;
grant connect on database rampart to rampart;
\connect rampart
alter schema public owner to rampart_owner;
