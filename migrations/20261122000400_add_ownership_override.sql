-- Who owns what the organisation moved, for as long as the descriptor does not say so itself; and what finding the
-- things without an owner needs.

create table ownership_override (
    entity_id uuid primary key references entity on delete cascade,
    -- group:default/payments
    owner_ref text not null,
    moved_by uuid references person on delete set null,
    moved_at timestamptz not null,
    note text not null
);

create index entity_unowned_idx on entity (sort_name, id)
    where owner_ref is null and kind in ('component', 'api', 'resource', 'system', 'domain', 'template');
create index relation_absent_owner_idx on relation (from_id) where type = 'ownedBy' and to_id is null;
create index role_binding_entity_idx on role_binding (entity_id) where ended_at is null and entity_id is not null;

-- what a reading changed in the descriptor, line by line
alter table entity_event add column difference text;
