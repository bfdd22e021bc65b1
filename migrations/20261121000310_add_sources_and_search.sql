-- Where entities come from, what happened to them, and what lists and searches need.

-- trusted since Postgres 13: the database's owner may create it
create extension if not exists pg_trgm;

create table source (
    id uuid primary key,
    -- upload: sent by somebody · file: read from what the administrator named
    kind text not null check (kind in ('upload', 'file')),
    name text not null,
    created_at timestamptz not null,
    read_at timestamptz not null,
    -- what was wrong in the last reading
    errors jsonb not null default '[]',
    constraint source_name_key unique (kind, name)
);

alter table entity
    -- the source that described it first; another one's description is a conflict
    add column source_id uuid references source on delete set null,
    add column source_file text,
    add column source_line integer,
    -- SHA-256 of the descriptor, to know what a reading changes
    add column digest bytea,
    -- as lists show and sort it
    add column sort_name text not null generated always as (lower(left(coalesce(title, name), 200))) stored,
    add column search text not null generated always as (
        lower(name || ' ' || coalesce(title, '') || ' ' || left(coalesce(description, ''), 2000))
    ) stored;

-- references mean the same in any case
create unique index entity_folded_reference_key on entity (kind, namespace, lower(name));
drop index entity_name_idx;
create index entity_sort_name_idx on entity (sort_name, id);
create index entity_updated_idx on entity (updated_at, id);
create index entity_kind_idx on entity (kind, sort_name, id);
create index entity_type_idx on entity (type, sort_name, id);
create index entity_lifecycle_idx on entity (lifecycle, sort_name, id);
create index entity_owner_ref_idx on entity (owner_ref, sort_name, id);
create index entity_system_ref_idx on entity (system_ref, sort_name, id);
create index entity_source_idx on entity (source_id);
create index entity_tags_idx on entity using gin (tags);
create index entity_search_idx on entity using gin (search gin_trgm_ops);

-- Counts one up with every change, so that whoever holds counts in memory knows when they are old.
create table catalog_revision (
    only_one boolean primary key default true check (only_one),
    revision bigint not null
);
insert into catalog_revision (revision) values (1);

create function count_catalog_revision() returns trigger language plpgsql as $$
begin
    update catalog_revision set revision = revision + 1;
    return null;
end $$;
create trigger entity_counts_revision after insert or update or delete on entity
    for each statement execute function count_catalog_revision();

-- What happened to an entity: its own history, beside the audit log's record of the whole reading.
create table entity_event (
    id uuid primary key,
    entity_id uuid not null references entity on delete cascade,
    at timestamptz not null,
    what text not null check (what in ('created', 'updated')),
    -- [{field, before, after}]
    changes jsonb not null,
    source_id uuid references source on delete set null,
    person_id uuid references person on delete set null
);
create index entity_event_entity_idx on entity_event (entity_id, at desc, id desc);
