//! Everything that somebody can do here, once: its name, what it is done to, and the token scope it needs.

use std::fmt;

/// What kind of thing an action is done to; also the name of its Cedar entity type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    Organisation,
    Team,
    Person,
    RoleBinding,
    ServiceAccount,
    Entity,
    Source,
    Finding,
    Scorecard,
    Incident,
    Request,
    Template,
    Environment,
    Integration,
    AuditRecord,
}

impl ResourceKind {
    pub const ALL: [Self; 15] = [
        Self::Organisation,
        Self::Team,
        Self::Person,
        Self::RoleBinding,
        Self::ServiceAccount,
        Self::Entity,
        Self::Source,
        Self::Finding,
        Self::Scorecard,
        Self::Incident,
        Self::Request,
        Self::Template,
        Self::Environment,
        Self::Integration,
        Self::AuditRecord,
    ];

    /// The Cedar entity type.
    #[must_use]
    pub const fn cedar(self) -> &'static str {
        match self {
            Self::Organisation => "Organisation",
            Self::Team => "Team",
            Self::Person => "Person",
            Self::RoleBinding => "RoleBinding",
            Self::ServiceAccount => "ServiceAccount",
            Self::Entity => "Entity",
            Self::Source => "Source",
            Self::Finding => "Finding",
            Self::Scorecard => "Scorecard",
            Self::Incident => "Incident",
            Self::Request => "Request",
            Self::Template => "Template",
            Self::Environment => "Environment",
            Self::Integration => "Integration",
            Self::AuditRecord => "AuditRecord",
        }
    }

    /// As an error names it: "there is no such catalog entity".
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Team => "team",
            Self::Person => "person",
            Self::RoleBinding => "role",
            Self::ServiceAccount => "service account",
            Self::Entity => "catalog entity",
            Self::Source => "catalog source",
            Self::Finding => "finding",
            Self::Scorecard => "scorecard",
            Self::Incident => "incident",
            Self::Request => "request",
            Self::Template => "template",
            Self::Environment => "environment",
            Self::Integration => "integration",
            Self::AuditRecord => "audit record",
        }
    }

    /// Who may do this may know that the thing exists; a denial to others reads "there is no such thing".
    #[must_use]
    pub const fn read(self) -> Option<ActionName> {
        match self {
            Self::Organisation
            | Self::Team
            | Self::Person
            | Self::RoleBinding
            | Self::Source
            | Self::Scorecard
            | Self::Template => None,
            Self::ServiceAccount => Some(ActionName::ServiceAccountAdminister),
            Self::Entity => Some(ActionName::CatalogRead),
            Self::Finding => Some(ActionName::FindingRead),
            Self::Incident => Some(ActionName::IncidentRead),
            Self::Request => Some(ActionName::RequestRead),
            Self::Environment => Some(ActionName::EnvironmentRead),
            Self::Integration => Some(ActionName::IntegrationRead),
            Self::AuditRecord => Some(ActionName::AuditRead),
        }
    }
}

/// Whether an action looks or changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its policies must reduce to a [`Scope`](super::Scope), so that lists and counts leak nothing.
    Read,
    Write,
}

macro_rules! actions {
    ($($name:ident = $text:literal, $kind:ident, $mode:ident, $scope:literal, $does:literal;)+) => {
        /// The closed list of actions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ActionName {
            $(#[doc = $does] $name,)+
        }

        impl ActionName {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// `environment.approve`: in Cedar, in the audit record and in denials.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            #[must_use]
            pub const fn resource(self) -> ResourceKind {
                match self { $(Self::$name => ResourceKind::$kind,)+ }
            }

            #[must_use]
            pub const fn mode(self) -> Mode {
                match self { $(Self::$name => Mode::$mode,)+ }
            }

            /// The scope that a token needs for it.
            #[must_use]
            pub const fn scope(self) -> &'static str {
                match self { $(Self::$name => $scope,)+ }
            }

            /// In words, as in "you may not …".
            #[must_use]
            pub const fn does(self) -> &'static str {
                match self { $(Self::$name => $does,)+ }
            }
        }
    };
}

actions! {
    CatalogRead = "catalog.read", Entity, Read, "catalog:read", "see a catalog entity";
    CatalogWrite = "catalog.write", Organisation, Write, "catalog:write", "add or refresh descriptors";
    ViewShare = "view.share", Team, Write, "catalog:write", "share a view of the catalog with a team";
    AccessRead = "access.read", Entity, Read, "people:read", "see who may do what with a catalog entity";
    OwnershipMove = "ownership.move", Team, Write, "catalog:write", "move what a team owns to another team";
    OwnershipGive = "ownership.give", Organisation, Write, "catalog:write", "give an owner to what has none";
    SourceRead = "source.read", Organisation, Read, "catalog:read", "see where the catalog is read from";
    SourceRemove = "source.remove", Source, Write, "catalog:write", "remove a catalog source";

    FindingRead = "finding.read", Finding, Read, "findings:read", "see findings";
    ReportUpload = "report.upload", Entity, Write, "reports:write", "upload a report for a service";
    GateEvaluate = "gate.evaluate", Entity, Write, "gate:evaluate", "ask the deploy gate";

    ScorecardRead = "scorecard.read", Scorecard, Read, "scorecards:read", "see scorecards";
    ScorecardEdit = "scorecard.edit", Organisation, Write, "scorecards:write", "change a scorecard";
    ScorecardReadResults = "scorecard.read_results", Finding, Read, "scorecards:read", "see how services stand";
    ScorecardReview = "scorecard.review", Entity, Write, "scorecards:write", "review a service's scorecard";
    ScorecardExempt = "scorecard.exempt", Entity, Write, "scorecards:write", "exempt a service from a check";
    ScorecardScore = "scorecard.score", Organisation, Write, "scorecards:write", "look at services again";
    ComplianceRead = "compliance.read", Finding, Read, "compliance:read", "see compliance results";

    IncidentRead = "incident.read", Incident, Read, "incidents:read", "see incidents";
    IncidentHandle = "incident.handle", Incident, Write, "incidents:write", "acknowledge or resolve an incident";
    AlertReceive = "alert.receive", Integration, Write, "alerts:write", "deliver alerts";
    AlertMap = "alert.map", Organisation, Write, "incidents:write", "map unmatched alerts to services";

    TemplateRead = "template.read", Template, Read, "environments:read", "see environment templates";
    TemplateEdit = "template.edit", Organisation, Write, "environments:write", "change environment templates";
    EnvironmentRead = "environment.read", Environment, Read, "environments:read", "see environments";
    EnvironmentRequest = "environment.request", Entity, Write, "environments:write", "request an environment for a service";
    EnvironmentManage = "environment.manage", Environment, Write, "environments:write", "extend or end an environment";
    EnvironmentReveal = "environment.reveal", Environment, Write, "environments:reveal", "reveal an environment's credentials";

    AccessRequest = "access.request", Organisation, Write, "access:write", "request access";
    RequestRead = "request.read", Request, Read, "requests:read", "see requests";
    RequestApprove = "request.approve", Request, Write, "requests:approve", "approve or decline a request";
    RequestExpire = "request.expire", Request, Write, "requests:write", "let a request expire";
    RequestWithdraw = "request.withdraw", Request, Write, "requests:write", "withdraw a request";

    PeopleRead = "people.read", Person, Read, "people:read", "see people and teams";
    PersonEdit = "person.edit", Person, Write, "people:write", "change a person's settings";
    RoleGrant = "role.grant", Team, Write, "people:write", "give a role in a team";
    RoleGrantEverywhere = "role.grant_everywhere", Organisation, Write, "people:write", "give a role in the whole organisation";
    RoleEnd = "role.end", RoleBinding, Write, "people:write", "end a role that somebody holds";
    TokenIssue = "token.issue", Person, Write, "tokens:write", "issue or revoke a personal token";
    ServiceAccountAdminister = "service_account.administer", Organisation, Write, "tokens:write", "administer service accounts";

    IntegrationRead = "integration.read", Integration, Read, "integrations:read", "see integrations";
    IntegrationAdd = "integration.add", Organisation, Write, "integrations:write", "add an integration";
    IntegrationEdit = "integration.edit", Integration, Write, "integrations:write", "change an integration";
    IntegrationApprove = "integration.approve", Integration, Write, "integrations:write", "approve an integration";

    KeyRotate = "key.rotate", Organisation, Write, "tokens:write", "add a key and encrypt under it";
    MetricsRead = "metrics.read", Organisation, Read, "metrics:read", "read the metrics";

    DemonstrationLoad = "demonstration.load", Organisation, Write, "catalog:write", "load the demonstration organisation";

    AuditRead = "audit.read", AuditRecord, Read, "audit:read", "read the audit log";
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
