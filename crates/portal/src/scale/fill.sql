-- A big organisation beside whatever is there already, the same for the same sizes and the same moment.
-- The sizes are the settings scale.entities, scale.findings, scale.environments, and the moment is scale.now.

create function pg_temp.size(what text) returns integer language sql stable
    return current_setting('scale.' || what)::integer;

create function pg_temp.moment() returns timestamptz language sql stable
    return current_setting('scale.now')::timestamptz;

-- the same whole number below `below` for the same `what` and `n`
create function pg_temp.pick(what text, n bigint, below integer) returns integer language sql immutable
    return ((('x' || substr(md5(what || n), 1, 8))::bit(32)::bigint) % below)::integer;

-- RFC 9562, version 7: as the portal's own ids, in the order of their time
create function pg_temp.id(what text, n bigint, at timestamptz) returns uuid language sql immutable
    return (
        lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(what || n), 1, 3) || '8' || substr(md5(what || n), 4, 15)
    )::uuid;

-- ---- people and teams

insert into team (id, name, display_name, created_at)
select pg_temp.id('team', n, pg_temp.moment() - interval '2 years'), 'unit-' || lpad(n::text, 3, '0'), 'Unit ' || n,
       pg_temp.moment() - interval '2 years'
from generate_series(1, greatest(5, pg_temp.size('entities') / 100)) as n;

create temporary table scale_team as
select row_number() over (order by name) - 1 as place, id, name from team;

insert into person (id, issuer, subject, display_name, email, created_at, signed_in_at)
select pg_temp.id('person', n, pg_temp.moment() - interval '1 year'), 'scale', 'person-' || n,
       (array['Ada', 'Bo', 'Cleo', 'Dev', 'Eva', 'Finn', 'Gus', 'Hana', 'Ida', 'Jo'])[1 + n % 10] || ' '
           || initcap(substr(translate(md5(n::text), '0123456789', 'aeioulnrst'), 1, 8)),
       'person-' || n || '@example.com', pg_temp.moment() - interval '1 year', pg_temp.moment() - n * interval '1 minute'
from generate_series(1, 5 * (select count(*) from scale_team)) as n;

create temporary table scale_person as
select row_number() over (order by created_at, id) - 1 as place, id from person;

-- one lead, one champion and three developers a team
insert into role_binding (id, person_id, role, team_id, source, granted_at)
select pg_temp.id('binding', person.place, pg_temp.moment() - interval '1 year'), person.id,
       (array['team_lead', 'security_champion', 'developer', 'developer', 'developer'])[1 + person.place % 5],
       team.id, 'administrator', pg_temp.moment() - interval '1 year'
from scale_person as person
join scale_team as team on team.place = (person.place / 5) % (select count(*) from scale_team);

-- ---- the catalog

insert into source (id, kind, name, created_at, read_at)
values (pg_temp.id('source', 1, pg_temp.moment()), 'upload', 'scale', pg_temp.moment(), pg_temp.moment());

create temporary table scale_entity as
select n as place,
       case when n % 50 = 0 then 'system' when n % 5 = 1 then 'api' when n % 5 = 2 then 'resource' else 'component' end
           as kind,
       pg_temp.moment() - (1 + pg_temp.pick('described', n, 500000)) * interval '1 minute' as created_at,
       case when n % 50 = 0 then 'system-' else (array['service-', 'api-', 'store-', 'service-', 'service-'])[1 + n % 5] end
           || lpad(n::text, 6, '0') as name,
       initcap((array['order', 'payment', 'ledger', 'search', 'profile', 'price', 'stock', 'mail', 'audit', 'risk'])
               [1 + pg_temp.pick('noun', n, 10)])
           || ' ' || (array['router', 'keeper', 'reader', 'writer', 'worker', 'gateway', 'cache', 'index', 'feed', 'view'])
               [1 + pg_temp.pick('role', n, 10)] || ' ' || n as title,
       team.id as owner_id, team.name as owner, n % 40 = 7 as restricted
from generate_series(1, pg_temp.size('entities')) as n
join scale_team as team on team.place = pg_temp.pick('owner', n, (select count(*)::integer from scale_team));

alter table scale_entity add column id uuid;
update scale_entity set id = pg_temp.id('entity', place, created_at);
create index on scale_entity (place);
analyze scale_entity;

insert into entity (
    id, kind, namespace, name, title, description, type, lifecycle, tier, owner_ref, owner_id, system_ref, restricted,
    tags, labels, annotations, links, descriptor, source_id, source_file, source_line, digest, created_at, updated_at
)
select id, kind, 'default', name, title,
       title || ' takes what others send, checks it against the rules of ' || owner || ' and hands on what is left.',
       case kind when 'component' then (array['service', 'website', 'library', 'job'])[1 + pg_temp.pick('type', place, 4)]
                 when 'api' then (array['openapi', 'grpc', 'asyncapi'])[1 + pg_temp.pick('type', place, 3)]
                 when 'resource' then (array['database', 'bucket', 'queue'])[1 + pg_temp.pick('type', place, 3)] end,
       case when kind <> 'system' then (array['production', 'production', 'production', 'experimental', 'deprecated'])
           [1 + pg_temp.pick('lifecycle', place, 5)] end,
       case when kind = 'component' then (1 + pg_temp.pick('tier', place, 4))::text end,
       'group:default/' || owner, owner_id,
       case when kind <> 'system' and place > 50 then 'system:default/system-' || lpad((place / 50 * 50)::text, 6, '0') end,
       restricted,
       array['tag-' || pg_temp.pick('tag', place, 300), 'zone-' || pg_temp.pick('zone', place, 5)],
       '{}', jsonb_build_object('example.com/cost-centre', pg_temp.pick('cost', place, 900)::text), '[]',
       jsonb_build_object(
           'apiVersion', 'backstage.io/v1alpha1', 'kind', initcap(kind),
           'metadata', jsonb_build_object('name', name, 'title', title), 'spec', jsonb_build_object('owner', owner)
       ),
       (select id from source where name = 'scale'), 'catalog/' || owner || '.yaml', 1 + place % 500,
       sha256(convert_to(name, 'UTF8')), created_at,
       pg_temp.moment() - (1 + pg_temp.pick('changed', place, 400000)) * interval '1 minute'
from scale_entity;

insert into relation (from_id, type, to_kind, to_namespace, to_name, to_id)
select entity.id, 'partOf', 'system', 'default', system.name, system.id
from scale_entity as entity
join scale_entity as system on system.place = entity.place / 50 * 50
where entity.kind <> 'system'
union all
select entity.id, stated.type, other.kind, 'default', other.name, other.id
from scale_entity as entity
cross join (values (1, 'providesApi', 1), (2, 'consumesApi', 1), (3, 'dependsOn', 2), (4, 'dependsOn', 3))
    as stated (n, type, rest)
-- of five places in a row one is an API, one a resource, and three are components
join scale_entity as other
    on other.place = stated.rest + 5 * pg_temp.pick('to' || stated.n, entity.place, greatest(1, pg_temp.size('entities') / 5 - 1))
where entity.kind = 'component'
    and pg_temp.pick('relates' || stated.n, entity.place, 10) < 6
    and other.id <> entity.id
    and other.kind <> 'system'
on conflict do nothing;

insert into entity_event (id, entity_id, at, what, changes, source_id)
select pg_temp.id('described', place, created_at), id, created_at, 'created', '[]'::jsonb,
       (select id from source where name = 'scale')
from scale_entity
union all
select pg_temp.id('changed' || change, place, at), id, at, 'updated',
       '[{"field": "description", "before": "as it was", "after": "as it is"}]', (select id from source where name = 'scale')
from scale_entity
cross join generate_series(1, 2) as change
cross join lateral (
    select pg_temp.moment() - (1 + pg_temp.pick('changed' || change, place, 400000)) * interval '1 minute' as at
) as changed;

-- ---- findings: a few services have thousands, most have some

create temporary table scale_service as
select row_number() over (order by place) - 1 as place, id, name, title, owner_id, owner, restricted
from scale_entity
where kind = 'component';
create index on scale_service (place);
analyze scale_service;

insert into report_scope (id, entity_id, tool, target, branch, stage, report_id, content_hash, reported_at, scanned_at)
select pg_temp.id('scope', place, at), id, 'trivy', 'registry.example.com/' || name, 'main', 'build',
       pg_temp.id('report', place, at), sha256(convert_to(name, 'UTF8')), at, at
from scale_service
cross join lateral (
    select pg_temp.moment() - (10 + pg_temp.pick('scanned', place, 40000)) * interval '1 minute' as at
) as scanned;

create temporary table scale_finding as
select n, service.id as entity_id, service.owner_id, service.restricted, scope.id as scope_id, scope.report_id,
       pg_temp.pick('state', n, 10) < 3 as closed,
       (array['critical', 'high', 'high', 'high', 'medium', 'medium', 'medium', 'medium', 'low', 'low', 'low', 'low', 'info'])
           [case when pg_temp.pick('worst', n, 4) = 0 then 1 + pg_temp.pick('severity', n, 13)
                 else 2 + pg_temp.pick('severity', n, 12) end]::severity as severity,
       'package-' || pg_temp.pick('package', n, 2000) as package,
       'CVE-' || (2019 + pg_temp.pick('year', n, 7)) || '-' || lpad(pg_temp.pick('cve', n, 40000)::text, 5, '0') as cve,
       (array['vulnerability', 'vulnerability', 'vulnerability', 'vulnerability', 'misconfiguration', 'code', 'secret'])
           [1 + pg_temp.pick('kind', n, 7)] as kind,
       pg_temp.pick('fixed', n, 3) < 2 as fixed,
       -- a few of them today
       pg_temp.moment() - (10 + pg_temp.pick('seen', n, 500000)) * interval '1 minute' as seen_at
from generate_series(1, pg_temp.size('findings')) as n
join scale_service as service on service.place = floor(
    (select count(*) from scale_service) * power(pg_temp.pick('service', n, 1000000) / 1000000.0, 3)
)
join report_scope as scope on scope.entity_id = service.id and scope.tool = 'trivy';

alter table scale_finding add column id uuid, add column closed_at timestamptz;
update scale_finding
set id = pg_temp.id('finding', n, seen_at),
    closed_at = case when closed then seen_at + (pg_temp.moment() - seen_at) * pg_temp.pick('closed', n, 1000) / 1000 end;

insert into finding (
    id, entity_id, owner_id, restricted, identity, same_because, kind, state, severity, title, vulnerability_ids, cwes,
    package, package_version, purl, fixed_version, place, tools, stages, first_seen_at, opened_at, closed_at, search
)
select id, entity_id, owner_id, restricted, sha256(convert_to('finding' || n, 'UTF8')),
       'the same vulnerability of the same package', kind, case when closed then 'closed' else 'open' end, severity,
       package || ': what is read may run', array[cve], array[79], package, '1.' || n % 20 || '.0',
       'pkg:npm/' || package || '@1.' || n % 20 || '.0', case when fixed then '2.0.' || n % 9 end,
       'app/package-lock.json', array['trivy'], array['build'], seen_at, seen_at, closed_at,
       lower(package || ': what is read may run ' || cve || ' ' || package || ' app/package-lock.json')
from scale_finding;

insert into finding_sighting (
    finding_id, scope_id, report_id, word_hash, severity, title, description, remediation, vulnerability_ids, cwes,
    package, package_version, purl, fixed_version, places, refs, first_seen_at, last_seen_at, closed_at
)
select id, scope_id, report_id, sha256(convert_to('word' || n, 'UTF8')), severity, package || ': what is read may run',
       'Input that is longer than expected is copied beyond its place, so that whoever sends it decides what runs next.',
       case when fixed then 'Take version 2.0 or later.' end, array[cve], array[79], package, '1.' || n % 20 || '.0',
       'pkg:npm/' || package || '@1.' || n % 20 || '.0', case when fixed then '2.0.' || n % 9 end,
       '["app/package-lock.json"]', array['https://example.com/' || cve], seen_at, coalesce(closed_at, seen_at), closed_at
from scale_finding;

insert into finding_event (finding_id, entity_id, report_id, at, kind, severity, tool)
select id, entity_id, report_id, at, happened.kind, severity, 'trivy'
from scale_finding
cross join lateral (values (seen_at, 'opened'), (closed_at, 'closed')) as happened (at, kind)
where at is not null
order by at;

insert into report (
    id, entity_id, tool, target, branch, stage, format, tool_version, pull_request, content_hash, made_at, received_at,
    opened, reopened, closed, unchanged, total
)
select scope.report_id, scope.entity_id, tool, target, branch, stage, 'trivy', '0.58.0', false, scope.content_hash,
       scope.reported_at, scope.reported_at, coalesce(found.total, 0), 0, 0, 0, coalesce(found.total, 0)
from report_scope as scope
join scale_service on scale_service.id = scope.entity_id
left join (select entity_id, count(*) as total from scale_finding group by entity_id) as found
    on found.entity_id = scope.entity_id;

insert into finding_count (entity_id, owner_id, restricted, critical, high, medium, low, info)
select entity_id, owner_id, restricted,
       count(*) filter (where severity = 'critical'), count(*) filter (where severity = 'high'),
       count(*) filter (where severity = 'medium'), count(*) filter (where severity = 'low'),
       count(*) filter (where severity = 'info')
from scale_finding
where not closed
group by entity_id, owner_id, restricted;

insert into finding_total (owner_id, restricted, critical, high, medium, low, info)
select finding_count.owner_id, finding_count.restricted, sum(critical), sum(high), sum(medium), sum(low), sum(info)
from finding_count
join scale_service on scale_service.id = finding_count.entity_id
group by finding_count.owner_id, finding_count.restricted
on conflict on constraint finding_total_key do update
set critical = finding_total.critical + excluded.critical, high = finding_total.high + excluded.high,
    medium = finding_total.medium + excluded.medium, low = finding_total.low + excluded.low,
    info = finding_total.info + excluded.info;

insert into finding_day (total_id, day, critical, high, medium, low, info)
select total.id, day::date, found.critical, found.high, found.medium, found.low, found.info
from finding_total as total
cross join generate_series(
    (pg_temp.moment() - interval '90 days') at time zone 'utc', pg_temp.moment() at time zone 'utc', interval '1 day'
) as day
cross join lateral (
    -- as if as much was found as was mended, but for a few
    select total.critical - (total.critical * ago / 200) as critical, total.high - (total.high * ago / 300) as high,
           total.medium - (total.medium * ago / 400) as medium, total.low, total.info
    from (select pg_temp.moment()::date - day::date as ago) as elapsed
) as found
on conflict do nothing;

insert into gate_verdict (id, entity_id, at, stage, decision, rule, verdict)
select pg_temp.id('verdict' || asked, place, at), id, at, 'build', 'allow', 'none',
       jsonb_build_object('decision', 'allow', 'rule', 'none')
from scale_service
cross join generate_series(1, 2) as asked
cross join lateral (
    select pg_temp.moment() - (1 + pg_temp.pick('asked' || asked, place, 90000)) * interval '1 minute' as at
) as answered
where place % 3 = 0;

-- ---- requests and environments

create temporary table scale_request as
select n, n > pg_temp.size('environments') as pending, requester.id as requester_id,
       service.id as entity_id, service.name as service, service.owner_id, service.restricted,
       pg_temp.moment() - (5 + pg_temp.pick('asked', n, 12000)) * interval '1 minute' as created_at
from generate_series(1, pg_temp.size('environments') + pg_temp.size('environments') / 4) as n
join scale_service as service on service.place = pg_temp.pick('for', n, (select count(*)::integer from scale_service))
join scale_person as requester on requester.place = pg_temp.pick('by', n, (select count(*)::integer from scale_person));

alter table scale_request add column id uuid;
update scale_request set id = pg_temp.id('request', n, created_at);

insert into request (
    id, kind, document, hash, title, requester_id, owner_id, entity_id, state, created_at, expires_at, decided_at
)
select id, 'environment', document, sha256(document), 'PostgreSQL for ' || service || ', 8 hours', requester_id,
       owner_id, entity_id, case when pending then 'pending' else 'fulfilled' end, created_at,
       created_at + interval '14 days', case when not pending then created_at + interval '3 minutes' end
from scale_request
cross join lateral (
    select convert_to(jsonb_build_object(
        'v', 1, 'id', id, 'requester', requester_id, 'owner', owner_id, 'entity', entity_id,
        'stages', jsonb_build_array(jsonb_build_object('approvers', jsonb_build_object('leads_of', owner_id), 'needed', 1)),
        'reason', 'to try the next release against data of a real size',
        'created_at', to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'expires_at', to_char((created_at + interval '14 days') at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'payload', jsonb_build_object(
            'kind', 'environment', 'template', 'postgres-sandbox', 'template_revision', repeat('0', 64),
            'entity', entity_id, 'parameters', jsonb_build_object(), 'ttl_hours', 8,
            'title', 'PostgreSQL for ' || service || ', 8 hours', 'summary', jsonb_build_array()
        )
    )::text, 'UTF8') as document
) as shown;

insert into request_stage (request_id, position, approvers, team_id, open)
select id, 0, 'leads', owner_id, pending from scale_request;

insert into request_event (id, request_id, at, kind, person_id, note, hash, stages)
select pg_temp.id('event' || step, n, scale_request.created_at), scale_request.id,
       scale_request.created_at + step * interval '1 minute', happened.kind,
       case happened.kind when 'opened' then scale_request.requester_id when 'approval' then lead.person_id end, '',
       case happened.kind when 'approval' then request.hash end,
       case happened.kind when 'approval' then array[0::smallint] end
from scale_request
join request on request.id = scale_request.id
cross join (values (1, 'opened'), (2, 'approval'), (3, 'approved'), (4, 'fulfilled')) as happened (step, kind)
left join lateral (
    select person_id from role_binding
    where team_id = scale_request.owner_id and role = 'team_lead' and ended_at is null
    order by person_id
    limit 1
) as lead on true
where step = 1 or not pending
order by scale_request.created_at, step;

insert into environment (
    id, name, request_id, entity_id, service, owner_id, restricted, requester_id, purpose, spec, template, provider,
    target, state, failure, created_at, expires_at, ready_at, warned_at, ended_at
)
select pg_temp.id('environment', n, created_at), 'scale-' || lpad(n::text, 6, '0'), id, entity_id,
       'component:default/' || service, owner_id, restricted, requester_id,
       'to try the next release against data of a real size',
       jsonb_build_object(
           'template', 'postgres-sandbox', 'template_title', 'PostgreSQL sandbox', 'revision', repeat('0', 64),
           'provider', 'postgres', 'target', 'default', 'entity', entity_id, 'service', 'component:default/' || service,
           'parameters', jsonb_build_object(), 'ttl_hours', 8,
           'limits', jsonb_build_object(
               'connections', 10, 'statement_seconds', 60, 'idle_transaction_seconds', 60, 'temporary_megabytes', 256
           )
       ),
       -- of a target that no server has, and never due: nothing is provisioned for them
       'postgres-sandbox', 'postgres', 'scale', state,
       case state when 'failed' then 'the server does not answer' end, created_at,
       case state when 'ended' then created_at + interval '8 hours'
                  else pg_temp.moment() + (10 + pg_temp.pick('ends', n, 10000)) * interval '1 minute' end,
       case when state <> 'failed' then created_at + interval '5 minutes' end,
       case when state in ('expiring', 'ended') then created_at + interval '7 hours' end,
       case when state = 'ended' then created_at + interval '8 hours' end
from scale_request
cross join lateral (
    select (array['ready', 'ready', 'ready', 'ready', 'expiring', 'ended', 'ended', 'ended', 'ended', 'failed'])
        [1 + pg_temp.pick('stands', n, 10)] as state
) as life
where not pending;

insert into environment_log (environment_id, at, step, text)
select environment.id, environment.created_at + line * interval '2 seconds', 'create', 'step ' || line || ' is done'
from environment
cross join generate_series(1, 5) as line
where environment.target = 'scale'
order by environment.created_at, line;

insert into notice (id, person_id, kind, title, body, href, about, created_at, read_at)
select pg_temp.id('notice', person.place * 100 + n, at), person.id,
       (array['approval', 'request', 'access', 'environment', 'incident', 'security'])[1 + n % 6],
       'Something waits for you', 'It was asked for to try the next release.', '/requests/' || n, 'request:' || n, at,
       case when n > 4 then at + interval '1 hour' end
from scale_person as person
cross join generate_series(1, 30) as n
cross join lateral (
    select pg_temp.moment() - (1 + pg_temp.pick('notice' || n, person.place, 60000)) * interval '1 minute' as at
) as told;

-- ---- incidents

insert into integration (
    id, name, kind, owner_id, purpose, data_classes, scopes, egress_hosts, enabled, approved_at, review_by, created_at
)
select pg_temp.id('integration', n, pg_temp.moment()), 'alerts-' || n, 'alertmanager', id,
       'Alerts of what runs in zone ' || n, array['internal'], array['alerts:write'], '{}', true, pg_temp.moment(),
       pg_temp.moment()::date + 180, pg_temp.moment() - interval '100 days'
from generate_series(1, 20) as n
join scale_team on place = n % (select count(*) from scale_team);

insert into incident (
    id, entity_id, service, owner_id, restricted, integration_id, group_hash, severity, state, title, summary, alerts,
    firing, started_at, opened_at, heard_at, acknowledged_at, resolved_at, resolution
)
select pg_temp.id('incident', n, at), service.id, 'component:default/' || service.name, service.owner_id,
       service.restricted, (select id from integration where name = 'alerts-' || (1 + n % 20)),
       sha256(convert_to('incident' || n, 'UTF8')),
       (array['critical', 'high', 'medium', 'low'])[1 + pg_temp.pick('harm', n, 4)]::severity, state,
       (array['Too many errors', 'It answers slowly', 'It is nearly full', 'It does not answer'])[1 + n % 4]
           || ' in ' || service.title,
       'More than one in twenty requests failed in the last five minutes.', 2, case when state = 'resolved' then 0 else 2 end,
       at, at, at + interval '20 minutes', case when state <> 'open' then at + interval '6 minutes' end,
       case when state = 'resolved' then at + interval '50 minutes' end, case when state = 'resolved' then 'alert' end
from generate_series(1, 5 * pg_temp.size('environments')) as n
join scale_service as service on service.place = pg_temp.pick('hit', n, (select count(*)::integer from scale_service))
cross join lateral (
    select pg_temp.moment() - (60 + pg_temp.pick('began', n, 250000)) * interval '1 minute' as at,
           (array['open', 'acknowledged', 'resolved', 'resolved', 'resolved', 'resolved', 'resolved', 'resolved', 'resolved', 'resolved'])
               [1 + pg_temp.pick('handled', n, 10)] as state
) as life;

insert into incident_alert (incident_id, fingerprint, firing, labels, annotations, severity, starts_at, ends_at, heard_at)
select id, 'fingerprint-' || n, state <> 'resolved', jsonb_build_object('alertname', 'ErrorsAreMany', 'instance', n::text),
       '{}', severity, started_at, resolved_at, heard_at
from incident
cross join generate_series(1, 2) as n
where group_hash in (
    select sha256(convert_to('incident' || n, 'UTF8')) from generate_series(1, 5 * pg_temp.size('environments')) as n
);

insert into incident_event (incident_id, at, kind, detail)
select incident_id, at, kind, ''
from (
    select id as incident_id, opened_at as at, 'opened' as kind from incident where title like '% in %'
    union all
    select id, resolved_at, 'resolved' from incident where title like '% in %' and resolved_at is not null
) as happened
order by at;

insert into alert_inbox (
    id, integration_id, group_hash, fingerprint, firing, labels, annotations, severity, starts_at, received_at, heard_at
)
select pg_temp.id('inbox', n, at), (select id from integration where name = 'alerts-' || (1 + n % 20)),
       sha256(convert_to('inbox' || n, 'UTF8')), 'fingerprint-' || n, true,
       jsonb_build_object('alertname', 'NobodyKnows', 'job', 'job-' || n), '{}', 'medium', at, at, at
from generate_series(1, pg_temp.size('environments') / 4) as n
cross join lateral (select pg_temp.moment() - n * interval '7 minutes' as at) as came;

-- ---- scorecards, those that are there, and compliance

insert into scorecard_result (
    scorecard, entity_id, owner_id, restricted, entity_ref, entity_title, revision, level, level_name, score, failing,
    outcomes, changed_at
)
select scorecard.name, service.id, service.owner_id, service.restricted, 'component:default/' || service.name,
       service.title, scorecard.revision, reached, case when reached > 0 then scorecard.levels[reached] end,
       least(100, reached * 25 + pg_temp.pick('score', place, 25)),
       case when reached < cardinality(scorecard.levels) then array['check-' || place % 7] else '{}' end, '[]',
       pg_temp.moment() - (1 + pg_temp.pick('scored', place, 80000)) * interval '1 minute'
from scale_service as service
cross join scorecard
cross join lateral (
    select pg_temp.pick('level' || scorecard.name, place, cardinality(scorecard.levels) + 1) as reached
) as standing;

insert into scorecard_history (id, scorecard, entity_id, at, revision, level, score_before, score, failing)
select pg_temp.id('history' || n || scorecard, row_number() over (), at), scorecard, entity_id, at, revision, level_name,
       greatest(0, score - 5), score, failing
from scorecard_result
join scale_service on scale_service.id = entity_id
cross join generate_series(1, 2) as n
cross join lateral (select changed_at - n * interval '10 days' as at) as happened;

insert into scorecard_day (scorecard, owner_id, restricted, day, services)
select scorecard, owner_id, restricted, day::date, array[
           count(*) filter (where level = 0), count(*) filter (where level = 1), count(*) filter (where level = 2),
           count(*) filter (where level = 3)
       ]
from scorecard_result
cross join generate_series(
    (pg_temp.moment() - interval '60 days') at time zone 'utc', pg_temp.moment() at time zone 'utc', interval '5 days'
) as day
where owner_id is not null
group by scorecard, owner_id, restricted, day
on conflict do nothing;

insert into scorecard_review (scorecard, entity_id, owner_id, restricted, entity_ref, entity_title, reviewed_at, next_on)
select scorecard, entity_id, scorecard_result.owner_id, scorecard_result.restricted, entity_ref, entity_title,
       changed_at, pg_temp.moment()::date - 30 + pg_temp.pick('review', place, 200)
from scorecard_result
join scale_service on scale_service.id = entity_id
where place % 4 = 0;

insert into compliance_scope (
    id, entity_id, owner_id, restricted, entity_ref, entity_title, framework, framework_title, tool, target, report_id,
    content_hash, evidence_at, passed, failed, to_check, informational
)
select pg_temp.id('control', place, at), id, owner_id, restricted, 'component:default/' || name, title,
       'cis-kubernetes-benchmark-1.6', 'CIS Kubernetes Benchmark 1.6', 'kube-bench', 'cluster-' || place,
       pg_temp.id('benchmark', place, at), sha256(convert_to(name, 'UTF8')), at, 45, 10, 5, 0
from scale_service
cross join lateral (
    select pg_temp.moment() - (1 + pg_temp.pick('looked', place, 40000)) * interval '1 minute' as at
) as looked
where place % 20 = 0;

insert into compliance_result (
    scope_id, control, part, title, section, status, manual, scored, remediation, evidence, since, position
)
select scope.id, section || '.' || number, 'node', 'Ensure that setting ' || number || ' is as it should be',
       'Section ' || section,
       case when position <= 45 then 'pass' when position <= 55 then 'fail' else 'warn' end, position > 55, true,
       'Set it in the configuration and restart.', '', scope.evidence_at, position
from compliance_scope as scope
join scale_service on scale_service.id = scope.entity_id
cross join generate_series(1, 60) as position
cross join lateral (select 1 + (position - 1) / 12 as section, 1 + (position - 1) % 12 as number) as named;

insert into compliance_day (scope_id, day, passed, failed, to_check)
select scope.id, scope.evidence_at::date - n, 45 - n % 3, 10 + n % 3, 5
from compliance_scope as scope
join scale_service on scale_service.id = scope.entity_id
cross join generate_series(0, 20) as n;

-- ---- the audit log: a record for every second finding

insert into audit_record (
    id, at, leaf, action, outcome, actor_kind, person_id, target_kind, target_id, target_name, owner_id, entity_id,
    request_id
)
select pg_temp.id('audit', n, at), at,
       convert_to(json_build_object(
           'action', action, 'actor', json_build_object('id', person.id, 'kind', 'person'), 'outcome', 'committed',
           'target', json_build_object('id', service.id, 'kind', 'Entity', 'name', service.name), 'v', 1
       )::text, 'UTF8'),
       action, case when n % 50 = 0 then 'denied' else 'committed' end, 'person', person.id, 'Entity', service.id::text,
       service.name, service.owner_id, service.id, 'scale-' || n
from generate_series(1, pg_temp.size('findings') / 2) as n
join scale_service as service on service.place = pg_temp.pick('done to', n, (select count(*)::integer from scale_service))
join scale_person as person on person.place = pg_temp.pick('done by', n, (select count(*)::integer from scale_person))
cross join lateral (
    select pg_temp.moment() - (1 + pg_temp.pick('done', n, 250000)) * interval '1 minute' as at,
           (array['catalog.import', 'report.upload', 'request.approve', 'environment.end', 'gate.evaluate'])
               [1 + pg_temp.pick('does', n, 5)] as action
) as happened
order by at;

drop table scale_team, scale_person, scale_entity, scale_service, scale_finding, scale_request;
