//! What the demonstration's monitoring says: Alertmanager's webhook.

use serde_json::json;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::reports::number;

/// Something that went wrong: how long ago, where, how badly, who looked after how many minutes, and after how many
/// minutes it was over; none: it is not over.
#[derive(Debug)]
pub struct Trouble {
    pub days_ago: i64,
    pub service: &'static str,
    pub alert: &'static str,
    pub severity: &'static str,
    pub summary: &'static str,
    pub acknowledged: Option<(&'static str, i64)>,
    pub over_after: Option<i64>,
}

const fn trouble(
    days_ago: i64,
    service: &'static str,
    alert: &'static str,
    severity: &'static str,
    summary: &'static str,
    acknowledged: Option<(&'static str, i64)>,
    over_after: Option<i64>,
) -> Trouble {
    Trouble { days_ago, service, alert, severity, summary, acknowledged, over_after }
}

/// In their order.
pub const TROUBLES: &[Trouble] = &[
    trouble(
        80,
        "search-service",
        "HighLatency",
        "warning",
        "Half of all searches take over 2 s",
        Some(("mei", 34)),
        Some(190),
    ),
    trouble(
        73,
        "warehouse-loader",
        "JobLate",
        "warning",
        "The load of the night has not finished at 7",
        Some(("luis", 95)),
        Some(300),
    ),
    trouble(66, "payments-api", "HighErrorRate", "critical", "4 % of payments fail", Some(("tomasz", 6)), Some(48)),
    trouble(59, "sign-in-service", "HighLatency", "warning", "Signing in takes over 3 s", Some(("yuki", 22)), Some(75)),
    trouble(
        57,
        "basket-service",
        "CacheDown",
        "critical",
        "The basket cache answers no more",
        Some(("felix", 11)),
        Some(64),
    ),
    trouble(
        45,
        "events-pipeline",
        "ConsumerLag",
        "warning",
        "The pipeline is 40 minutes behind",
        Some(("hana", 41)),
        Some(220),
    ),
    trouble(
        38,
        "gateway",
        "CertificateExpires",
        "warning",
        "A certificate ends in 7 days",
        Some(("ivan", 120)),
        Some(600),
    ),
    trouble(
        31,
        "push-service",
        "HighErrorRate",
        "warning",
        "1 in 10 messages is refused",
        Some(("elif", 27)),
        Some(130),
    ),
    trouble(
        24,
        "warehouse-loader",
        "JobLate",
        "warning",
        "The load of the night has not finished at 7",
        Some(("luis", 70)),
        Some(260),
    ),
    trouble(
        17,
        "orders-service",
        "HighErrorRate",
        "critical",
        "Orders cannot be placed in 2 stores",
        Some(("nora", 4)),
        Some(37),
    ),
    trouble(
        12,
        "mobile-gateway",
        "HighLatency",
        "warning",
        "The home screen takes over 4 s",
        Some(("malik", 18)),
        Some(90),
    ),
    trouble(
        9,
        "payment-router",
        "AcquirerDown",
        "critical",
        "One acquirer answers no more",
        Some(("lena", 3)),
        Some(55),
    ),
    trouble(
        5,
        "reporting-api",
        "HighErrorRate",
        "warning",
        "Reports of last month fail",
        Some(("priya", 52)),
        Some(400),
    ),
    trouble(
        3,
        "search-service",
        "HighLatency",
        "warning",
        "Half of all searches take over 2 s",
        Some(("mei", 15)),
        None,
    ),
    trouble(0, "payments-api", "HighErrorRate", "critical", "2 % of payments fail", None, None),
    trouble(0, "recomendations", "PodsRestart", "warning", "Pods restart every few minutes", None, None),
];

/// A delivery of Alertmanager's webhook, version 4, about one alert.
#[must_use]
pub fn delivery(trouble: &Trouble, began: OffsetDateTime, ended: Option<OffsetDateTime>) -> Vec<u8> {
    let status = if ended.is_some() { "resolved" } else { "firing" };
    let labels = json!({ "alertname": trouble.alert, "service": trouble.service, "severity": trouble.severity });
    let annotations = json!({ "summary": trouble.summary });
    let ends_at = ended.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), written);
    let key = format!("{{}}:{{alertname=\"{}\", service=\"{}\"}}", trouble.alert, trouble.service);
    let delivery = json!({
        "version": "4",
        "groupKey": key,
        "status": status,
        "receiver": "rampart",
        "groupLabels": labels,
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "https://alerts.example.com",
        "truncatedAlerts": 0,
        "alerts": [{
            "status": status,
            "labels": labels,
            "annotations": annotations,
            "startsAt": written(began),
            "endsAt": ends_at,
            "generatorURL": format!("https://metrics.example.com/graph?g0.expr={}", trouble.alert),
            "fingerprint": format!("{:016x}", number(&[trouble.alert, trouble.service])),
        }],
    });
    serde_json::to_vec(&delivery).expect("JSON can be written")
}

/// When it began.
#[must_use]
pub fn began(trouble: &Trouble, now: OffsetDateTime) -> OffsetDateTime {
    let minutes = number(&[trouble.service, trouble.summary]) % 400;
    now - Duration::days(trouble.days_ago) - Duration::minutes(45 + i64::try_from(minutes).expect("below 400"))
}

fn written(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).expect("the year has four digits")
}
