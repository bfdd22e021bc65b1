//! All formatting of times: relative in the text, exact in the reader's zone beside it.

use leptos::prelude::*;
use time::{
    Date, Duration, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description,
};

use crate::layout::chrome::Chrome;

/// A time zone by its IANA name, such as `Europe/Zurich`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(String);

impl Zone {
    #[must_use]
    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }

    /// Nothing where no zone has this name.
    #[cfg(feature = "ssr")]
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        jiff::tz::TimeZone::get(name).ok().map(|_| Self(name.to_owned()))
    }

    /// Every zone there is, by name; not the names that only stand for another.
    #[cfg(feature = "ssr")]
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut zones: Vec<Self> = jiff::tz::db()
            .available()
            .map(|name| name.as_str().to_owned())
            .filter(|name| name == "UTC" || name.contains('/') && !name.starts_with("Etc/"))
            .map(Self)
            .collect();
        zones.sort_by(|one, other| one.0.cmp(&other.0));
        zones
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// For a footer: `Europe/Zurich`, `UTC`.
    #[must_use]
    pub fn label(&self) -> String {
        self.0.replace('_', " ")
    }

    /// `at` on this zone's clock, and what that clock calls itself: `CET`, `+07`, `UTC`.
    #[cfg(feature = "ssr")]
    fn local(&self, at: OffsetDateTime) -> (OffsetDateTime, String) {
        let zone = jiff::tz::TimeZone::get(&self.0).unwrap_or(jiff::tz::TimeZone::UTC);
        let moment = jiff::Timestamp::from_second(at.unix_timestamp()).unwrap_or_default();
        let info = zone.to_offset_info(moment);
        let offset = UtcOffset::from_whole_seconds(info.offset().seconds()).unwrap_or(UtcOffset::UTC);
        (at.to_offset(offset), info.abbreviation().to_owned())
    }

    /// Islands show the times that the server wrote; the zone data stays there.
    #[cfg(not(feature = "ssr"))]
    fn local(&self, at: OffsetDateTime) -> (OffsetDateTime, String) {
        (at.to_offset(UtcOffset::UTC), "UTC".to_owned())
    }
}

/// "3 h ago", with the exact time on hover and for machines.
#[component]
pub fn Time(at: OffsetDateTime) -> impl IntoView {
    let (now, zone) = clock(at);
    view! {
        <time datetime=machine(at) title=exact(at, &zone)>
            {relative(at, now)}
        </time>
    }
}

/// "21 Nov 2026, 14:02:11 CET", where the moment itself matters: audit, timelines.
#[component]
pub fn ExactTime(at: OffsetDateTime) -> impl IntoView {
    let (now, zone) = clock(at);
    view! {
        <time datetime=machine(at) title=relative(at, now)>
            {exact(at, &zone)}
        </time>
    }
}

/// "14:02" of the reader's clock, "20 Nov, 14:02" on another day.
#[component]
pub fn ClockMinute(at: OffsetDateTime) -> impl IntoView {
    let (now, zone) = clock(at);
    let local = zone.local(at).0;
    let form = if local.date() == zone.local(now).0.date() {
        format_description!("[hour]:[minute]")
    } else {
        format_description!("[day padding:none] [month repr:short], [hour]:[minute]")
    };
    view! {
        <time datetime=machine(at) title=exact(at, &zone)>
            {local.format(form).unwrap_or_default()}
        </time>
    }
}

/// "14:02:11" of the reader's clock, for logs.
#[component]
pub fn ClockTime(at: OffsetDateTime) -> impl IntoView {
    let (_, zone) = clock(at);
    let local = zone.local(at).0;
    view! {
        <time datetime=machine(at) title=exact(at, &zone)>
            {local.format(format_description!("[hour]:[minute]:[second]")).unwrap_or_default()}
        </time>
    }
}

/// "3 Dec 2026".
#[component]
pub fn Day(date: Date) -> impl IntoView {
    view! { <time datetime=date.to_string()>{day(date)}</time> }
}

/// How long ago or how far ahead, in one unit.
#[must_use]
pub fn relative(at: OffsetDateTime, now: OffsetDateTime) -> String {
    let distance = (at - now).abs();
    if distance < Duration::seconds(45) {
        return "just now".to_owned();
    }
    let span = span(distance);
    if at > now { format!("in {span}") } else { format!("{span} ago") }
}

/// "40 s", "5 min", "3 h", "41 days", "8 months".
#[must_use]
pub fn span(span: Duration) -> String {
    let (minutes, hours, days) = (span.whole_minutes(), span.whole_hours(), span.whole_days());
    match () {
        () if span.whole_seconds() < 60 => format!("{} s", span.whole_seconds()),
        () if minutes < 60 => format!("{minutes} min"),
        () if hours < 48 => format!("{hours} h"),
        () if days < 90 => format!("{days} days"),
        () if days < 730 => format!("{} months", days / 30),
        () => format!("{} years", days / 365),
    }
}

/// "21 Nov 2026, 14:02:11 CET".
#[must_use]
pub fn exact(at: OffsetDateTime, zone: &Zone) -> String {
    let (local, name) = zone.local(at);
    let text = local
        .format(format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute]:[second]"))
        .unwrap_or_default();
    format!("{text} {name}")
}

/// "3 Dec 2026".
#[must_use]
pub fn day(date: Date) -> String {
    date.format(format_description!("[day padding:none] [month repr:short] [year]")).unwrap_or_default()
}

/// RFC 3339, for `datetime`.
#[must_use]
pub fn machine(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}

/// The page's now and zone; outside a page, as in a test of one component, the moment itself.
fn clock(at: OffsetDateTime) -> (OffsetDateTime, Zone) {
    use_context::<Chrome>().map_or_else(|| (at, Zone::utc()), |chrome| (chrome.now, chrome.zone))
}

pub fn samples() -> impl IntoView {
    let now = use_context::<Chrome>().map_or(OffsetDateTime::UNIX_EPOCH, |chrome| chrome.now);
    let distances = [
        Duration::seconds(-10),
        Duration::minutes(-5),
        Duration::hours(-3),
        Duration::days(-41),
        Duration::days(-400),
        Duration::hours(7),
    ];
    view! {
        <ul class="flex flex-wrap gap-6">
            {distances.map(|distance| view! { <li><Time at=now + distance /></li> }).collect_view()}
            <li><ExactTime at=now /></li>
            <li><Day date=now.date() /></li>
        </ul>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_exact_time_is_told_on_the_readers_clock() {
        let at = datetime!(2026-07-01 12:00:05 UTC);
        assert_eq!(exact(at, &Zone::named("Europe/Zurich").unwrap()), "1 Jul 2026, 14:00:05 CEST");
        assert_eq!(exact(at, &Zone::named("Asia/Kolkata").unwrap()), "1 Jul 2026, 17:30:05 IST");
        assert_eq!(exact(at, &Zone::utc()), "1 Jul 2026, 12:00:05 UTC");
        assert_eq!(Zone::named("Middle/Earth"), None);
    }

    #[test]
    fn a_distance_is_told_in_one_unit() {
        let now = datetime!(2026-07-01 12:00 UTC);
        let told = [
            (Duration::seconds(-44), "just now"),
            (Duration::seconds(-59), "59 s ago"),
            (Duration::minutes(-59), "59 min ago"),
            (Duration::hours(-47), "47 h ago"),
            (Duration::days(-41), "41 days ago"),
            (Duration::days(-100), "3 months ago"),
            (Duration::hours(8), "in 8 h"),
        ];
        for (distance, text) in told {
            assert_eq!(relative(now + distance, now), text);
        }
    }
}
