-- What lists and first pages ask for and no index had.

create index finding_kind_severity_idx on finding (state, kind, severity, id);

-- the worst services of all
create index finding_count_worst_idx on finding_count (critical desc, high desc, medium desc, entity_id);

create index scorecard_result_level_idx on scorecard_result (scorecard, level_name, score, entity_id);

-- what happened since yesterday
create index incident_resolved_idx on incident (resolved_at) where resolved_at is not null;
create index environment_ready_idx on environment (ready_at) where ready_at is not null;
create index environment_state_expires_idx on environment (state, expires_at, id);
create index environment_ended_idx on environment (ended_at) where ended_at is not null;

create index incident_text_idx on incident using gin (lower(title || ' ' || service) gin_trgm_ops);
create index request_named_idx on request using gin (named_ids);
create index request_event_decided_idx on request_event (person_id, request_id) where kind in ('approval', 'declined');

create index audit_record_subject_idx on audit_record (subject_id, at desc, id desc) where subject_id is not null;
create index audit_record_request_idx on audit_record (request_id) where request_id is not null;
create index audit_record_denied_idx on audit_record (at desc, id desc) where outcome = 'denied';
create index audit_record_text_idx on audit_record using gin (lower(action || ' ' || target_name) gin_trgm_ops);
