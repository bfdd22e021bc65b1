-- What scanners found: findings, which scopes see them, what happened to them, and how many are open.

create extension if not exists pg_trgm;

-- What a report speaks about. A report replaces what its own scope said before, and nothing else.
create table report_scope (
    id uuid primary key,
    entity_id uuid not null references entity on delete cascade,
    tool text not null,
    -- empty where nobody said
    target text not null,
    branch text not null,
    stage text not null check (stage in ('build', 'deploy', 'runtime')),
    -- the last report that was merged, whole or not, and SHA-256 of its bytes
    report_id uuid,
    content_hash bytea,
    reported_at timestamptz,
    -- why that report was not the whole result of a scan
    incomplete text,
    -- when the last whole one came
    scanned_at timestamptz,
    constraint report_scope_key unique (entity_id, tool, target, branch, stage)
);

create table report (
    id uuid primary key,
    entity_id uuid not null references entity on delete cascade,
    tool text not null,
    target text not null,
    branch text not null,
    stage text not null,
    format text not null,
    format_version text,
    tool_version text,
    pull_request boolean not null,
    incomplete text,
    content_hash bytea not null,
    -- when the tool says that it made the report
    made_at timestamptz,
    received_at timestamptz not null,
    opened integer not null,
    reopened integer not null,
    closed integer not null,
    unchanged integer not null,
    total integer not null,
    -- for a proposed change: what it would add
    introduces jsonb not null default '[]'
);
create index report_entity_idx on report (entity_id, received_at desc);

create table finding (
    id uuid primary key,
    entity_id uuid not null references entity on delete cascade,
    -- as the entity has them, so that lists need no join to know who may see what
    owner_id uuid references team,
    restricted boolean not null,
    -- SHA-256 of what makes two entries one finding, and the same in words
    identity bytea not null,
    same_because text not null,
    kind text not null check (kind in ('vulnerability', 'misconfiguration', 'secret', 'code')),
    state text not null check (state in ('open', 'closed')),
    -- the columns below are taken from the sightings, the worst open one first
    severity severity not null,
    title text not null,
    rule text,
    vulnerability_ids text[] not null,
    cwes integer[] not null,
    package text,
    package_version text,
    purl text,
    fixed_version text,
    place text,
    tools text[] not null,
    stages text[] not null,
    first_seen_at timestamptz not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    -- what a search looks in, in lower case
    search text not null,
    constraint finding_identity_key unique (entity_id, identity)
);
create index finding_severity_idx on finding (state, severity, id);
create index finding_first_seen_idx on finding (state, first_seen_at, id);
create index finding_entity_severity_idx on finding (entity_id, state, severity, id);
create index finding_entity_first_seen_idx on finding (entity_id, state, first_seen_at, id);
create index finding_owner_severity_idx on finding (owner_id, state, severity, id);
create index finding_owner_first_seen_idx on finding (owner_id, state, first_seen_at, id);
create index finding_tools_idx on finding using gin (tools);
create index finding_search_idx on finding using gin (search gin_trgm_ops);

-- One scope's word on one finding. While it is open, the scope's last complete scan saw it too.
create table finding_sighting (
    finding_id uuid not null references finding on delete cascade,
    scope_id uuid not null references report_scope on delete cascade,
    -- the report that first said it in these words, and SHA-256 of them
    report_id uuid not null,
    word_hash bytea not null,
    severity severity not null,
    title text not null,
    description text not null,
    remediation text,
    rule text,
    vulnerability_ids text[] not null,
    cwes integer[] not null,
    package text,
    package_version text,
    purl text,
    fixed_version text,
    places jsonb not null,
    refs text[] not null,
    suppressed text,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    closed_at timestamptz,
    primary key (finding_id, scope_id)
);
create index finding_sighting_scope_idx on finding_sighting (scope_id) where closed_at is null;

create table finding_event (
    id bigint generated always as identity primary key,
    finding_id uuid not null references finding on delete cascade,
    entity_id uuid not null,
    report_id uuid not null,
    at timestamptz not null,
    kind text not null check (kind in ('opened', 'closed', 'reopened', 'severity_changed')),
    severity severity not null,
    severity_before severity,
    tool text not null
);
create index finding_event_finding_idx on finding_event (finding_id, id);
create index finding_event_entity_idx on finding_event (entity_id, at);

-- How many findings are open: for each service, for each owner, and for each owner at the end of each day on which
-- that changed. Kept when findings are written; nothing counts findings to show a number.
create table finding_count (
    entity_id uuid primary key references entity on delete cascade,
    owner_id uuid references team,
    restricted boolean not null,
    critical bigint not null,
    high bigint not null,
    medium bigint not null,
    low bigint not null,
    info bigint not null
);
create index finding_count_owner_idx on finding_count (owner_id);

create table finding_total (
    id bigint generated always as identity primary key,
    owner_id uuid references team,
    restricted boolean not null,
    critical bigint not null,
    high bigint not null,
    medium bigint not null,
    low bigint not null,
    info bigint not null,
    constraint finding_total_key unique nulls not distinct (owner_id, restricted)
);

create table finding_day (
    total_id bigint not null references finding_total on delete cascade,
    day date not null,
    critical bigint not null,
    high bigint not null,
    medium bigint not null,
    low bigint not null,
    info bigint not null,
    primary key (total_id, day)
);

-- Every answer of the deploy gate.
create table gate_verdict (
    id uuid primary key,
    entity_id uuid not null references entity on delete cascade,
    at timestamptz not null,
    stage text,
    decision text not null check (decision in ('allow', 'deny')),
    rule text not null,
    -- as it was answered
    verdict jsonb not null
);
create index gate_verdict_entity_idx on gate_verdict (entity_id, at desc);
