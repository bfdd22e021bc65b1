-- Everything that comes in or goes out, with who answers for it; what is not here, or not enabled, moves no data.

create table integration (
    id uuid primary key,
    -- part of addresses, so it never changes
    name text not null,
    kind text not null,
    owner_id uuid,
    purpose text not null,
    data_classes text[] not null,
    scopes text[] not null,
    egress_hosts text[] not null,
    -- where it sends to, without anything secret
    endpoint text,
    -- configured in the installation's settings rather than on the page
    built_in boolean not null default false,
    -- what it authenticates with at its peer; encrypted
    credential bytea,
    -- SHA-256 of the token that its peer delivers with, which is nowhere else
    token_hash bytea,
    credential_set_at timestamptz,
    enabled boolean not null default false,
    -- counts the changes of what an approval covers
    revision integer not null default 1,
    -- who made those changes since the last approval; none of them approves
    authors uuid[] not null default '{}',
    approved_by uuid references person on delete set null,
    approved_at timestamptz,
    review_by date not null,
    created_at timestamptz not null,
    succeeded_at timestamptz,
    failed_at timestamptz,
    failure text,
    remedy text,
    test_requested_at timestamptz,
    constraint integration_owner_fkey foreign key (owner_id) references team,
    constraint integration_name_key unique (name),
    constraint integration_token_hash_key unique (token_hash),
    constraint integration_enabled_needs_approval check (not enabled or approved_at is not null)
);
create index integration_owner_idx on integration (owner_id);
