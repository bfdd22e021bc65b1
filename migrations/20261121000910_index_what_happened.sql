-- What changed since yesterday, for those who see more than a few services.
create index finding_event_at_idx on finding_event (at);
create index entity_event_at_idx on entity_event (at);
