-- A source holds what it claims: what it lets go of goes to the bin, and what is read at addresses is read again and again.

alter table entity
    -- in the bin since then; deleted for good thirty days later
    add column binned_at timestamptz,
    -- why, for those who find it there
    add column binned_because text,
    add constraint entity_bin_reason check (binned_at is null or binned_because is not null);
create index entity_binned_idx on entity (binned_at, id) where binned_at is not null;

alter table entity_event drop constraint entity_event_what_check;
alter table entity_event add constraint entity_event_what_check
    check (what in ('created', 'updated', 'binned', 'restored'));

-- What a source describes that another one holds: the first keeps it, and the next in line gets it.
create table source_conflict (
    source_id uuid not null references source on delete cascade,
    entity_id uuid not null references entity on delete cascade,
    file text not null,
    line integer not null,
    since timestamptz not null,
    primary key (source_id, entity_id)
);
create index source_conflict_entity_idx on source_conflict (entity_id, since);

alter table source drop constraint source_kind_check;
alter table source add constraint source_kind_check check (kind in ('upload', 'file', 'url', 'discovery'));
alter table source
    -- url: where the descriptor is · discovery: the organisation
    add column address text,
    -- discovery: the path in each repository, and which repositories
    add column path text,
    add column with_forks boolean not null default false,
    add column with_archived boolean not null default false,
    -- encrypted: what the host is asked with, and what its webhook signs with
    add column token bytea,
    add column hook_secret bytea,
    add column every_seconds integer check (every_seconds between 60 and 604800),
    -- when it is read next; empty where nothing reads it by itself
    add column next_at timestamptz,
    -- somebody asked for a reading that has not begun
    add column asked_at timestamptz,
    -- the last attempt, whether it worked or not
    add column tried_at timestamptz,
    add column took_ms integer,
    -- what the last reading that worked did: {created, updated, unchanged, binned, restored}
    add column did jsonb,
    add column failing_since timestamptz,
    add column failures integer not null default 0,
    add column failure text,
    -- the last push that was heard, and the last whose signature was wrong
    add column hook_at timestamptz,
    add column hook_refused_at timestamptz;
create index source_due_idx on source (next_at) where next_at is not null;

-- What was read at an address, with the mark that the host gave it: what has not changed is not sent again.
create table source_copy (
    source_id uuid not null references source on delete cascade,
    address text not null,
    etag text,
    body bytea not null,
    read_at timestamptz not null,
    primary key (source_id, address)
);
