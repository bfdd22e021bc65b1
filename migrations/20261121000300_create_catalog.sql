-- What there is: entities as their descriptors state them, and how they stand to one another.

create table entity (
    id uuid primary key,
    kind text not null,
    namespace text not null,
    name text not null,
    title text,
    description text,
    -- spec.type, spec.lifecycle, and the annotation rampart.dev/tier
    type text,
    lifecycle text,
    tier text,
    -- the owner as stated, and the team that it names
    owner_ref text,
    owner_id uuid references team,
    system_ref text,
    domain_ref text,
    restricted boolean not null default false,
    tags text[] not null default '{}',
    labels jsonb not null default '{}',
    annotations jsonb not null default '{}',
    links jsonb not null default '[]',
    -- the descriptor as given
    descriptor jsonb not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint entity_reference_key unique (kind, namespace, name)
);
create index entity_owner_idx on entity (owner_id);
create index entity_name_idx on entity (name, id);

create table relation (
    from_id uuid not null references entity on delete cascade,
    type text not null,
    -- as stated: the other end may not be there yet
    to_kind text not null,
    to_namespace text not null,
    to_name text not null,
    to_id uuid references entity on delete set null,
    primary key (from_id, type, to_kind, to_namespace, to_name)
);
create index relation_to_idx on relation (to_id, type);
create index relation_target_idx on relation (to_kind, to_namespace, to_name) where to_id is null;

alter table role_binding add constraint role_binding_entity_fkey foreign key (entity_id) references entity on delete cascade;
