-- What services are asked to be, how each of them stands, and what security champions decided about it.

create table scorecard (
    name text primary key,
    title text not null,
    description text not null,
    -- the file as given; everything else here is read from it
    source text not null,
    revision integer not null,
    -- from the lowest to the highest
    levels text[] not null,
    changed_at timestamptz not null,
    changed_by uuid references person on delete set null,
    -- the last day on which every service was looked at again
    swept_on date
);

create table scorecard_revision (
    scorecard text not null references scorecard on delete cascade,
    revision integer not null,
    source text not null,
    at timestamptz not null,
    person_id uuid references person on delete set null,
    primary key (scorecard, revision)
);

-- How a service stands now. A service that a scorecard does not apply to has no row.
create table scorecard_result (
    scorecard text not null references scorecard on delete cascade,
    entity_id uuid not null references entity on delete cascade,
    -- as the entity has them, so that lists need no join
    owner_id uuid references team,
    restricted boolean not null,
    entity_ref text not null,
    entity_title text not null,
    revision integer not null,
    -- 0: below the lowest
    level smallint not null,
    level_name text,
    -- weight of what passes or is exempt, in per cent of all
    score smallint not null,
    -- ids of the checks that fail or cannot be decided
    failing text[] not null,
    -- [{check, outcome, reason}]
    outcomes jsonb not null,
    changed_at timestamptz not null,
    primary key (scorecard, entity_id)
);
create index scorecard_result_entity_idx on scorecard_result (entity_id);
create index scorecard_result_ref_idx on scorecard_result (scorecard, entity_ref, entity_id);
create index scorecard_result_score_idx on scorecard_result (scorecard, score, entity_id);
create index scorecard_result_owner_idx on scorecard_result (scorecard, owner_id, entity_ref);
create index scorecard_result_failing_idx on scorecard_result using gin (failing);

-- A row whenever a service's level or score changed.
create table scorecard_history (
    id uuid primary key,
    scorecard text not null references scorecard on delete cascade,
    entity_id uuid not null references entity on delete cascade,
    at timestamptz not null,
    revision integer not null,
    -- none: below the lowest; the words of that day
    level_before text,
    level text,
    score_before smallint,
    -- none: the scorecard no longer applies
    score smallint,
    failing text[] not null
);
create index scorecard_history_entity_idx on scorecard_history (entity_id, scorecard, at desc, id desc);

-- How many of an owner's services stood at each level at the end of each day on which that changed.
create table scorecard_day (
    scorecard text not null references scorecard on delete cascade,
    owner_id uuid references team,
    restricted boolean not null,
    day date not null,
    -- below the lowest, then level by level
    services bigint[] not null,
    constraint scorecard_day_key unique nulls not distinct (scorecard, owner_id, restricted, day)
);

-- A check that does not count for a service until a date.
create table scorecard_exemption (
    id uuid primary key,
    scorecard text not null references scorecard on delete cascade,
    entity_id uuid not null references entity on delete cascade,
    owner_id uuid references team,
    restricted boolean not null,
    check_id text not null,
    reason text not null,
    granted_at timestamptz not null,
    granted_by uuid references person on delete set null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_by uuid references person on delete set null
);
create unique index scorecard_exemption_check_key on scorecard_exemption (scorecard, entity_id, check_id) where ended_at is null;
create index scorecard_exemption_expires_idx on scorecard_exemption (expires_at) where ended_at is null;
create index scorecard_exemption_entity_idx on scorecard_exemption (entity_id);

-- What a champion said about a service and a scorecard: comments, exemptions, sign-offs, in their order.
create table scorecard_act (
    id uuid primary key,
    scorecard text not null references scorecard on delete cascade,
    entity_id uuid not null references entity on delete cascade,
    at timestamptz not null,
    person_id uuid references person on delete set null,
    kind text not null check (kind in ('comment', 'exempted', 'exemption_ended', 'signed_off')),
    check_id text,
    text text not null,
    -- of an exemption: when it ends; of a sign-off: when the next review is due
    until timestamptz
);
create index scorecard_act_entity_idx on scorecard_act (entity_id, scorecard, at desc, id desc);

-- When a service's scorecard was last signed off, and when that is due again.
create table scorecard_review (
    scorecard text not null references scorecard on delete cascade,
    entity_id uuid not null references entity on delete cascade,
    owner_id uuid references team,
    restricted boolean not null,
    entity_ref text not null,
    entity_title text not null,
    reviewed_at timestamptz not null,
    reviewed_by uuid references person on delete set null,
    next_on date not null,
    primary key (scorecard, entity_id)
);
create index scorecard_review_next_idx on scorecard_review (next_on, entity_id);
create index scorecard_review_entity_idx on scorecard_review (entity_id);
