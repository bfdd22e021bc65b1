//! What the frame around a page shows: who is signed in, where they may go, what waits for them, how they like to read.

use time::OffsetDateTime;

use crate::ui::{icon, time::Zone};

/// Given to each request by the server, read by the frame and by whatever formats times.
#[derive(Clone, Debug)]
pub struct Chrome {
    /// Nobody before sign-in: then there is no navigation either.
    pub person: Option<Person>,
    /// Where this person may go; what they may not is not shown.
    pub sections: Vec<Section>,
    /// Requests that wait for this person's decision.
    pub approvals: u32,
    /// Messages that this person has not seen.
    pub notifications: u32,
    /// Jobs of this person that are under way.
    pub running: u32,
    /// What is announced when one of these counts changes: `person:ID`.
    pub topic: Option<String>,
    /// The moment from which changes are told to the page once it listens.
    pub mark: String,
    /// An evaluation says so on every page.
    pub evaluation: bool,
    /// As somebody chose it; else the system's.
    pub theme: Option<Theme>,
    /// The navigation shows icons alone.
    pub folded: bool,
    pub zone: Zone,
    /// When this page is made: what "3 h ago" counts from.
    pub now: OffsetDateTime,
    /// The address of the page, with its query.
    pub address: String,
    /// What the last form did, told once.
    pub flash: Option<Flash>,
}

impl Chrome {
    /// For somebody who is not signed in.
    #[must_use]
    pub fn signed_out(now: OffsetDateTime, address: &str) -> Self {
        Self {
            person: None,
            sections: Vec::new(),
            approvals: 0,
            notifications: 0,
            running: 0,
            topic: None,
            mark: String::new(),
            evaluation: false,
            theme: None,
            folded: false,
            zone: Zone::utc(),
            now,
            address: address.to_owned(),
            flash: None,
        }
    }

    /// The section that the page lies in: the one with the longest address that the page's begins with.
    #[must_use]
    pub fn section(&self) -> Option<Section> {
        let path = self.address.split('?').next().unwrap_or_default();
        // teams and people lie beside the catalog's entities
        let path = if ["/teams", "/people"].iter().any(|part| path.starts_with(part)) { "/catalog" } else { path };
        let within = |section: &&Section| {
            let href = section.href();
            path == href || (href != "/" && path.strip_prefix(href).is_some_and(|rest| rest.starts_with('/')))
        };
        self.sections.iter().filter(within).max_by_key(|section| section.href().len()).copied()
    }
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub email: String,
    /// Their own page.
    pub href: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Anything but the two words means: as the system has it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        [Self::Light, Self::Dark].into_iter().find(|theme| theme.as_str() == text)
    }
}

/// What a form did, shown above the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    pub tone: crate::ui::Tone,
    pub text: String,
}

macro_rules! sections {
    ($($name:ident = $label:literal, $href:literal, $icon:path, $group:ident;)+) => {
        /// A place in the navigation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Section { $($name,)+ }

        impl Section {
            /// In the order of the navigation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }

            #[must_use]
            pub const fn href(self) -> &'static str {
                match self { $(Self::$name => $href,)+ }
            }

            #[must_use]
            pub fn icon(self) -> icon::Icon {
                match self { $(Self::$name => $icon,)+ }
            }

            #[must_use]
            pub const fn group(self) -> Group {
                match self { $(Self::$name => Group::$group,)+ }
            }
        }
    };
}

sections! {
    Home         = "Home",           "/",                   icon::HOME,         Everyday;
    Catalog      = "Catalog",        "/catalog",            icon::CATALOG,      Everyday;
    Environments = "Environments",   "/environments",       icon::ENVIRONMENT,  Everyday;
    Approvals    = "Approvals",      "/approvals",          icon::APPROVAL,     Everyday;
    Security     = "Security",       "/security",           icon::SECURITY,     Everyday;
    Scorecards   = "Scorecards",     "/scorecards",         icon::SCORECARD,    Everyday;
    Incidents    = "Incidents",      "/incidents",          icon::INCIDENT,     Everyday;
    Compliance   = "Compliance",     "/compliance",         icon::COMPLIANCE,   Everyday;
    Audit        = "Audit",          "/audit",              icon::AUDIT,        Everyday;
    Integrations = "Integrations",   "/admin/integrations", icon::INTEGRATION,  Administration;
    People       = "People & roles", "/admin/people",       icon::PEOPLE,       Administration;
    Tokens       = "Service accounts", "/admin/tokens",     icon::KEY,          Administration;
    Deliveries   = "Deliveries",     "/admin/deliveries",   icon::MAIL,         Administration;
}

/// The two parts of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Everyday,
    Administration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Option<Section> {
        let mut chrome = Chrome::signed_out(OffsetDateTime::UNIX_EPOCH, address);
        chrome.sections = Section::ALL.to_vec();
        chrome.section()
    }

    #[test]
    fn a_page_lies_in_the_section_whose_address_it_begins_with() {
        assert_eq!(at("/catalog/component/default/billing?tab=security"), Some(Section::Catalog));
        assert_eq!(at("/admin/people"), Some(Section::People));
        assert_eq!(at("/"), Some(Section::Home));
    }

    #[test]
    fn an_address_that_only_looks_alike_lies_in_no_section() {
        assert_eq!(at("/catalogue"), None);
    }
}
