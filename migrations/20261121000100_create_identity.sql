-- People, teams, what they may do where, their sessions and tokens.

create type severity as enum ('info', 'low', 'medium', 'high', 'critical');

create table person (
    id uuid primary key,
    -- who says who this is: the provider's issuer and its name for the person
    issuer text not null,
    subject text not null,
    display_name text not null,
    email text,
    active boolean not null default true,
    time_zone text,
    theme text check (theme in ('light', 'dark')),
    groups text[] not null default '{}',
    created_at timestamptz not null,
    signed_in_at timestamptz,
    constraint person_issuer_subject_key unique (issuer, subject)
);
create index person_email_idx on person (lower(email));

-- The key that a person's values in the audit records are encrypted under; erasing a person deletes the row.
create table person_key (
    person_id uuid primary key references person on delete cascade,
    wrapped_key bytea not null
);

create table team (
    id uuid primary key,
    -- the provider's group name, which is also the name in addresses
    name text not null,
    display_name text not null,
    created_at timestamptz not null,
    constraint team_name_key unique (name)
);

create table role_binding (
    id uuid primary key,
    person_id uuid not null references person on delete cascade,
    role text not null,
    -- all three empty: the whole organisation
    team_id uuid references team on delete cascade,
    entity_id uuid,
    -- provider: from a groups claim · administrator: given by hand · request: approved for a time
    source text not null check (source in ('provider', 'administrator', 'request')),
    request_id uuid,
    granted_at timestamptz not null,
    expires_at timestamptz,
    ended_at timestamptz,
    constraint role_binding_one_scope check (team_id is null or entity_id is null),
    constraint role_binding_role_check check (role in ('developer', 'team_lead', 'security_champion', 'platform_administrator', 'auditor'))
);
create index role_binding_person_idx on role_binding (person_id) where ended_at is null;
create index role_binding_team_idx on role_binding (team_id, role) where ended_at is null;
create index role_binding_expiry_idx on role_binding (expires_at) where ended_at is null and expires_at is not null;
create unique index role_binding_provider_key on role_binding (person_id, role, team_id) nulls not distinct
    where source = 'provider' and ended_at is null;

create table session (
    id uuid primary key,
    -- SHA-256 of the cookie's value, which is nowhere else
    token_hash bytea not null,
    person_id uuid not null references person on delete cascade,
    issuer text not null,
    provider_session text,
    -- for sign-out at the provider; encrypted
    id_token bytea,
    amr text[] not null default '{}',
    acr text,
    authenticated_at timestamptz not null,
    created_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null,
    address text not null,
    user_agent text not null,
    constraint session_token_hash_key unique (token_hash)
);
create index session_person_idx on session (person_id);
create index session_expiry_idx on session (expires_at);

-- A sign-in that has left for the provider and has not come back.
create table sign_in (
    state_hash bytea primary key,
    browser_hash bytea not null,
    nonce text not null,
    -- PKCE verifier; encrypted
    verifier bytea not null,
    return_to text not null,
    -- a form that was posted with an ended session: its address and fields; encrypted
    kept_form bytea,
    created_at timestamptz not null,
    used_at timestamptz
);
create index sign_in_created_idx on sign_in (created_at);

create table service_account (
    id uuid primary key,
    name text not null,
    description text not null default '',
    -- empty: the whole organisation
    team_id uuid references team on delete cascade,
    created_at timestamptz not null,
    disabled_at timestamptz,
    constraint service_account_name_key unique (name)
);

create table token (
    id uuid primary key,
    token_hash bytea not null,
    name text not null,
    person_id uuid references person on delete cascade,
    service_account_id uuid references service_account on delete cascade,
    scopes text[] not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    used_at timestamptz,
    used_address text,
    revoked_at timestamptz,
    constraint token_hash_key unique (token_hash),
    constraint token_one_owner check (num_nonnulls(person_id, service_account_id) = 1)
);
create index token_person_idx on token (person_id) where person_id is not null;
create index token_service_account_idx on token (service_account_id) where service_account_id is not null;
