-- Webhooks are integrations: what posts to them is entered, approved and enabled where everything else is that goes
-- out. Their addresses and secrets are encrypted for their old rows, so they are entered anew.

delete from delivery where webhook_id is not null;

alter table delivery
    drop constraint delivery_one_receiver,
    drop column webhook_id,
    -- what it is posted through; empty: it goes to a person, by mail
    add column integration_id uuid references integration on delete cascade,
    -- waits until what it goes through is enabled
    add column held boolean not null default false,
    add constraint delivery_one_receiver check (num_nonnulls(person_id, integration_id) = 1),
    add constraint delivery_held_is_not_due check (not held or next_at is null);

drop table webhook;

create index delivery_integration_idx on delivery (integration_id, created_at desc) where integration_id is not null;
create index delivery_held_idx on delivery (created_at) where held;
drop index delivery_undelivered_idx;
create index delivery_undelivered_idx on delivery (created_at desc, id desc)
    where delivered_at is null and last_error is not null;
