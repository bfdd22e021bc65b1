-- One transaction writes several events of one moment: they keep the order in which they were written.

alter table request_event add column position bigint generated always as identity;
drop index request_event_request_idx;
create index request_event_request_idx on request_event (request_id, position);
