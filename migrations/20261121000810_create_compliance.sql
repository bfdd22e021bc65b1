-- Benchmark results: which controls hold for a service, on what evidence, and how old that is.

-- What a report speaks about. A report replaces what its own scope said before, and nothing else.
create table compliance_scope (
    id uuid primary key,
    entity_id uuid not null references entity on delete cascade,
    -- as the entity has them, so that lists need no join
    owner_id uuid references team,
    restricted boolean not null,
    entity_ref text not null,
    entity_title text not null,
    -- the benchmark and its version: cis-kubernetes-benchmark-1.6
    framework text not null,
    framework_title text not null,
    tool text not null,
    -- which cluster, account or host; empty where nobody said
    target text not null,
    report_id uuid not null,
    content_hash bytea not null,
    -- when the tool last looked: as the report says, else when it came
    evidence_at timestamptz not null,
    passed integer not null,
    failed integer not null,
    to_check integer not null,
    informational integer not null,
    constraint compliance_scope_key unique (entity_id, framework, tool, target)
);
create index compliance_scope_framework_idx on compliance_scope (framework, entity_ref, id);

create table compliance_report (
    id uuid primary key,
    entity_id uuid not null references entity on delete cascade,
    scope_id uuid not null,
    format text not null,
    tool text not null,
    made_at timestamptz,
    received_at timestamptz not null,
    person_id uuid references person on delete set null,
    service_account_id uuid references service_account on delete set null,
    passed integer not null,
    failed integer not null,
    to_check integer not null,
    informational integer not null,
    -- how many controls came out otherwise than before
    changed integer not null
);
create index compliance_report_scope_idx on compliance_report (scope_id, received_at desc, id desc);

create table compliance_result (
    scope_id uuid not null references compliance_scope on delete cascade,
    -- the benchmark's number, and what was looked at: master, node, etcd
    control text not null,
    part text not null,
    title text not null,
    section text not null,
    status text not null check (status in ('pass', 'fail', 'warn', 'info')),
    manual boolean not null,
    scored boolean not null,
    remediation text not null,
    evidence text not null,
    -- since when it comes out like this
    since timestamptz not null,
    -- the natural order of the benchmark's numbers
    position integer not null,
    primary key (scope_id, control, part)
);

-- How a scope stood at the end of each day on which that changed.
create table compliance_day (
    scope_id uuid not null references compliance_scope on delete cascade,
    day date not null,
    passed integer not null,
    failed integer not null,
    to_check integer not null,
    primary key (scope_id, day)
);
