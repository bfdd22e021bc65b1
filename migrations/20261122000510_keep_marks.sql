-- What people keep of the catalog for themselves: stars, when they last looked, and views of the list.

create table star (
    person_id uuid not null references person on delete cascade,
    entity_id uuid not null references entity on delete cascade,
    starred_at timestamptz not null,
    primary key (person_id, entity_id)
);
create index star_entity_idx on star (entity_id);

create table visit (
    person_id uuid not null references person on delete cascade,
    entity_id uuid not null references entity on delete cascade,
    at timestamptz not null,
    -- the end of the visit before this one
    before timestamptz,
    primary key (person_id, entity_id)
);
create index visit_entity_idx on visit (entity_id);
create index visit_person_idx on visit (person_id, at desc);
create index visit_at_idx on visit (at);

create table saved_view (
    id uuid primary key,
    name text not null,
    -- somebody's own, or a team's
    person_id uuid references person on delete cascade,
    team_id uuid references team on delete cascade,
    -- the query of the list's address
    query text not null,
    created_at timestamptz not null,
    constraint saved_view_owner_check check (num_nonnulls(person_id, team_id) = 1)
);
create unique index saved_view_person_key on saved_view (person_id, lower(name));
create unique index saved_view_team_key on saved_view (team_id, lower(name));
