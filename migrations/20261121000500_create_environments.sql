-- Environments: what can be asked for, what there is, and what was done to it.

-- Every revision that was ever applied is kept: requests name the one that they were made from.
create table environment_template (
    name text not null,
    -- SHA-256 of the document's source, in hexadecimal
    revision text not null,
    title text not null,
    description text,
    provider text not null,
    -- the document as given, and as read
    source text not null,
    document jsonb not null,
    current boolean not null,
    applied_at timestamptz not null,
    primary key (name, revision)
);
create unique index environment_template_current_key on environment_template (name) where current;

-- A lease: an owner, a purpose, an expiry, and an end that was verified.
create table environment (
    id uuid primary key,
    name text not null,
    -- one request makes one environment, however often it is executed
    request_id uuid not null,
    entity_id uuid references entity on delete set null,
    service text not null,
    owner_id uuid references team,
    restricted boolean not null,
    requester_id uuid not null references person,
    purpose text not null,
    -- as approved, for showing; what is provisioned is read from the request, whose hash is checked
    spec jsonb not null,
    template text not null,
    provider text not null,
    target text not null,
    state text not null
        constraint environment_state_check
        check (state in ('provisioning', 'ready', 'expiring', 'ending', 'ended', 'failed')),
    failure text,
    attempts integer not null default 0,
    -- when the portal looks at it again: a warning, an end, or another attempt
    due_at timestamptz,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ready_at timestamptz,
    warned_at timestamptz,
    ended_at timestamptz,
    revealed_at timestamptz,
    constraint environment_name_key unique (name),
    constraint environment_request_key unique (request_id),
    constraint environment_end_is_verified check ((state = 'ended') = (ended_at is not null))
);
create index environment_created_idx on environment (created_at, id);
create index environment_expires_idx on environment (expires_at, id);
create index environment_name_idx on environment (name, id);
create index environment_owner_idx on environment (owner_id, created_at, id);
create index environment_entity_idx on environment (entity_id, created_at, id);
create index environment_requester_idx on environment (requester_id, created_at, id);
create index environment_state_idx on environment (state, created_at, id);
create index environment_due_idx on environment (due_at) where due_at is not null;

-- What was done to make and to remove it, as it happened.
create table environment_log (
    environment_id uuid not null references environment,
    seq bigint generated always as identity,
    at timestamptz not null,
    step text not null,
    text text not null,
    primary key (environment_id, seq)
);
