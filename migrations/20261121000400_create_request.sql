-- What people ask for and others decide: environments, extensions of them, roles for a time.

create table request (
    id uuid primary key,
    -- the short reference in addresses: /requests/123
    number bigint generated always as identity,
    kind text not null,
    -- RFC 8785 JSON of exactly what approvers are shown, kept as it is; approvals are bound to its hash
    document bytea not null,
    -- SHA-256 of the document as it was when the request was made
    hash bytea not null,
    -- the columns below repeat the document, for search
    title text not null,
    requester_id uuid not null references person,
    owner_id uuid references team,
    entity_id uuid references entity on delete set null,
    -- teams besides the owner that are named to decide
    named_ids uuid[] not null default '{}',
    state text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    decided_at timestamptz,
    constraint request_number_key unique (number),
    constraint request_state_check check (
        state in ('pending', 'approved', 'declined', 'withdrawn', 'expired', 'fulfilled', 'failed')
    )
);
create index request_created_idx on request (created_at desc, id desc);
create index request_requester_idx on request (requester_id, created_at desc, id desc);
create index request_owner_idx on request (owner_id, created_at desc, id desc);
create index request_entity_idx on request (entity_id) where entity_id is not null;
create index request_due_idx on request (expires_at) where state = 'pending';

-- Whom a request waits for: every stage has to be met, each by so many people.
create table request_stage (
    request_id uuid not null references request on delete cascade,
    position smallint not null,
    approvers text not null check (approvers in ('leads', 'champions', 'members')),
    -- champions without a team are those of the whole organisation
    team_id uuid references team,
    -- whether one more approval of this group would count
    open boolean not null,
    primary key (request_id, position)
);
create index request_stage_open_idx on request_stage (approvers, team_id, request_id) where open;

-- What happened to a request, in order.
create table request_event (
    id uuid primary key,
    request_id uuid not null references request on delete cascade,
    at timestamptz not null,
    kind text not null check (
        kind in ('opened', 'approval', 'approved', 'declined', 'withdrawn', 'expired', 'fulfilled', 'failed')
    ),
    -- empty: the portal itself
    person_id uuid references person,
    note text not null default '',
    -- of an approval: the hash that the approver saw, and the stages that it can count for
    hash bytea,
    stages smallint[]
);
create index request_event_request_idx on request_event (request_id, at, id);
create unique index request_event_approval_key on request_event (request_id, person_id) where kind = 'approval';

alter table role_binding add constraint role_binding_request_fkey foreign key (request_id) references request;
create unique index role_binding_request_key on role_binding (request_id) where request_id is not null;
