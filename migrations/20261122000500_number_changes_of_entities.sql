-- Each change of an entity carries the catalog's revision that it made, so that whoever holds the catalog in memory reads
-- only what changed since.

alter table entity add column revision bigint not null default 0;
create index entity_revision_idx on entity (revision);

-- the revision of the last deletion: what was deleted cannot be read any more, so whoever is older reads everything
alter table catalog_revision add column deleted bigint not null default 0;

-- Before the statement's first row: writers wait for each other here, so a revision belongs to one transaction, and whoever
-- sees a revision sees all changes up to it.
create or replace function count_catalog_revision() returns trigger language plpgsql as $$
declare
    counted bigint;
begin
    update catalog_revision
    set revision = revision + 1,
        deleted = case when tg_op = 'DELETE' then revision + 1 else deleted end
    returning revision into counted;
    perform set_config('rampart.catalog_revision', counted::text, true);
    return null;
end $$;
drop trigger entity_counts_revision on entity;
create trigger entity_counts_revision before insert or update or delete on entity
    for each statement execute function count_catalog_revision();

create function carry_catalog_revision() returns trigger language plpgsql as $$
begin
    new.revision := current_setting('rampart.catalog_revision')::bigint;
    return new;
end $$;
create trigger entity_carries_revision before insert or update on entity
    for each row execute function carry_catalog_revision();
