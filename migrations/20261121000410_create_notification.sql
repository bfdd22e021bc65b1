-- What people are told, through which channels, and what has not arrived.

create table notice (
    id uuid primary key,
    person_id uuid not null references person on delete cascade,
    kind text not null,
    title text not null,
    body text not null,
    -- an address within the portal
    href text not null,
    -- what it is about: request:ID; when that is settled, it is read
    about text not null,
    created_at timestamptz not null,
    read_at timestamptz
);
create index notice_person_idx on notice (person_id, created_at desc, id desc);
create index notice_unread_idx on notice (person_id) where read_at is null;
create index notice_about_idx on notice (about) where read_at is null;

-- A person's own choice; without a row, mail is sent.
create table notice_choice (
    person_id uuid not null references person on delete cascade,
    kind text not null,
    mail boolean not null,
    primary key (person_id, kind)
);

create table webhook (
    id uuid primary key,
    name text not null,
    -- empty: what concerns the whole organisation
    team_id uuid references team on delete cascade,
    shape text not null check (shape in ('generic', 'slack', 'teams')),
    -- chat services put the permission to post into the address, so it is a secret; encrypted
    url bytea not null,
    host text not null,
    -- signs what is sent; encrypted
    secret bytea not null,
    enabled boolean not null,
    created_at timestamptz not null,
    constraint webhook_name_key unique (name)
);
create index webhook_team_idx on webhook (team_id) where enabled;

create table delivery (
    id uuid primary key,
    -- one of: mail to a person, or a webhook
    person_id uuid references person on delete cascade,
    webhook_id uuid references webhook on delete cascade,
    kind text not null,
    title text not null,
    body text not null,
    href text not null,
    about text not null,
    created_at timestamptz not null,
    attempts integer not null default 0,
    -- empty: arrived, or given up
    next_at timestamptz,
    delivered_at timestamptz,
    last_error text,
    constraint delivery_one_receiver check (num_nonnulls(person_id, webhook_id) = 1)
);
create index delivery_due_idx on delivery (next_at) where next_at is not null;
create index delivery_about_idx on delivery (about) where delivered_at is null;
create index delivery_undelivered_idx on delivery (created_at desc, id desc) where delivered_at is null and attempts > 0;
create index delivery_person_idx on delivery (person_id, created_at desc) where person_id is not null;
create index delivery_webhook_idx on delivery (webhook_id, created_at desc) where webhook_id is not null;
