-- What was done and what was refused, once each, for good. The server's role may only insert and select here.

create table audit_record (
    id uuid not null,
    at timestamptz not null,
    -- RFC 8785 JSON, exactly as it will be hashed; personal values inside are encrypted per person
    leaf bytea not null,
    -- the columns below repeat the leaf, for search
    action text not null,
    outcome text not null check (outcome in ('committed', 'denied')),
    actor_kind text not null,
    person_id uuid,
    service_account_id uuid,
    target_kind text not null,
    target_id text not null,
    target_name text not null,
    owner_id uuid,
    entity_id uuid,
    subject_id uuid,
    request_id text,
    primary key (id, at)
) partition by range (at);
create index audit_record_at_idx on audit_record (at desc, id desc);
create index audit_record_person_idx on audit_record (person_id, at desc, id desc);
create index audit_record_target_idx on audit_record (target_kind, target_id, at desc, id desc);
create index audit_record_owner_idx on audit_record (owner_id, at desc, id desc);
create index audit_record_action_idx on audit_record (action, at desc, id desc);

-- What falls into no month's partition is kept all the same.
create table audit_record_default partition of audit_record default;

-- Repeated and anonymous denials: a count per minute, so that nobody can fill the record.
create table audit_denial (
    minute timestamptz not null,
    actor text not null,
    address_hash bytea not null,
    rule text not null,
    count bigint not null,
    primary key (minute, actor, address_hash, rule)
);
