-- Alerts that others send, the incidents they make, and those that wait until somebody says what they belong to.

create table incident (
    id uuid primary key,
    number bigint generated always as identity,
    -- empty once the entity is gone from the catalog
    entity_id uuid references entity on delete set null,
    -- the entity's reference when the incident opened
    service text not null,
    -- repeated from the entity, for lists
    owner_id uuid references team,
    restricted boolean not null,
    integration_id uuid references integration on delete set null,
    -- SHA-256 of the sender and its key for the group
    group_hash bytea not null,
    severity severity not null,
    state text not null default 'open' check (state in ('open', 'acknowledged', 'resolved')),
    title text not null,
    summary text not null,
    alerts integer not null default 0,
    firing integer not null default 0,
    external_url text,
    started_at timestamptz not null,
    opened_at timestamptz not null,
    heard_at timestamptz not null,
    acknowledged_at timestamptz,
    acknowledged_by uuid references person on delete set null,
    resolved_at timestamptz,
    resolved_by uuid references person on delete set null,
    resolution text check (resolution in ('alert', 'person')),
    note text,
    former_id uuid references incident on delete set null,
    constraint incident_number_key unique (number),
    constraint incident_resolved_says_when check ((state = 'resolved') = (resolved_at is not null))
);
-- one at a time for the same alerts of the same service
create unique index incident_live_key on incident (group_hash, entity_id) where state <> 'resolved';
create index incident_group_idx on incident (group_hash, entity_id, opened_at desc);
create index incident_opened_idx on incident (opened_at desc, id desc);
create index incident_severity_idx on incident (severity desc, opened_at desc, id desc);
create index incident_heard_idx on incident (heard_at desc, id desc);
create index incident_state_idx on incident (state, opened_at desc, id desc);
create index incident_owner_idx on incident (owner_id, opened_at desc, id desc);
create index incident_entity_idx on incident (entity_id, opened_at desc, id desc);

create table incident_alert (
    incident_id uuid not null references incident on delete cascade,
    fingerprint text not null,
    firing boolean not null,
    labels jsonb not null,
    annotations jsonb not null,
    severity severity not null,
    starts_at timestamptz not null,
    ends_at timestamptz,
    generator_url text,
    heard_at timestamptz not null,
    primary key (incident_id, fingerprint)
);

create table incident_event (
    -- in the order in which they happened, also within one moment
    id bigint generated always as identity primary key,
    incident_id uuid not null references incident on delete cascade,
    at timestamptz not null,
    kind text not null,
    person_id uuid references person on delete set null,
    detail text not null default ''
);
create index incident_event_incident_idx on incident_event (incident_id, id);

-- Which alerts belong to which service: those that carry all of these labels.
create table alert_rule (
    id uuid primary key,
    matchers jsonb not null,
    entity_id uuid not null references entity on delete cascade,
    created_by uuid references person on delete set null,
    created_at timestamptz not null,
    constraint alert_rule_matchers_key unique (matchers)
);

-- What matched no service. Never deleted; a rule that matches gives it an incident.
create table alert_inbox (
    id uuid primary key,
    integration_id uuid not null references integration,
    group_hash bytea not null,
    fingerprint text not null,
    firing boolean not null,
    labels jsonb not null,
    annotations jsonb not null,
    severity severity not null,
    starts_at timestamptz not null,
    ends_at timestamptz,
    generator_url text,
    external_url text,
    received_at timestamptz not null,
    heard_at timestamptz not null,
    incident_id uuid references incident on delete set null,
    mapped_at timestamptz
);
create unique index alert_inbox_waiting_key on alert_inbox (group_hash, fingerprint) where mapped_at is null;
create index alert_inbox_heard_idx on alert_inbox (heard_at desc, id desc) where mapped_at is null;
create index alert_inbox_labels_idx on alert_inbox using gin (labels jsonb_path_ops) where mapped_at is null;

-- for the timeline of an incident
create index audit_record_entity_idx on audit_record (entity_id, at desc) where entity_id is not null;
