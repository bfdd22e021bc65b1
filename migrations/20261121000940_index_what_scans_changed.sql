-- What scans changed since yesterday: a row for each report, where a finding's events are one for each finding.
create index report_changed_idx on report (received_at) where not pull_request and opened + reopened + closed > 0;
drop index finding_event_at_idx;
