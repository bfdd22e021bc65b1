//! SARIF 2.1.0: what static analysis, and by now almost every scanner, can write.
//!
//! After the OASIS standard "Static Analysis Results Interchange Format 2.1.0 plus errata 01"; section numbers below are
//! its. `security-severity` is GitHub's property, which most tools fill.

mod log;

use std::collections::{BTreeSet, HashMap};

use model::{FindingKind, Severity};
use sha2::{Digest as _, Sha256};

use self::log::{Fingerprint, Log, Message, Outcome, Place, Properties, Reference, Rule, Run, Suppression};
use super::{Finding, Found, Location, Package, Report, Tool, cwes, digest, rating, severity, vulnerability_ids};
use crate::{
    Format, Input, Limits, ParseError,
    json::{Text, time},
};

pub(super) static FORMAT: Format<Report> = Format { id: "sarif", title: "SARIF 2.1.0", detect, parse };

fn detect(input: &Input<'_>) -> bool {
    let schema = input.member("$schema").is_some_and(|schema| schema.contains("sarif"));
    schema || input.has("runs") && input.has("version")
}

fn parse(input: &Input<'_>) -> Result<Report, ParseError> {
    let log: Log = input.json()?;
    if log.version != "2.1.0" {
        return Err(ParseError::pointer("/version", "this version of SARIF is not read; 2.1.0 is"));
    }
    log.report(input.limits())
}

impl Log {
    fn report(self, limits: Limits) -> Result<Report, ParseError> {
        let mut found = Found::within(limits);
        let mut report = Report { format: FORMAT.id, version: Some(self.version), ..Report::default() };
        if self.runs.is_empty() {
            report.incomplete = Some("the file holds no run of a tool".to_owned());
        }
        let mut names: Vec<String> = Vec::new();
        let mut version = None;
        for run in &self.runs {
            let driver = &run.tool.driver;
            if names.len() < MOST_TOOLS && !names.contains(&driver.name) {
                names.push(driver.name.clone());
            }
            version = version.or(driver.semantic_version.as_deref().or(driver.version.as_deref()));
            let ended = run.invocations.iter().find_map(|invocation| invocation.end_time_utc.as_deref().and_then(time));
            report.created_at = report.created_at.or(ended);
            report.target = report.target.or_else(|| run.target());
            report.image_digest = report
                .image_digest
                .or_else(|| run.properties.repo_digests.0.iter().find_map(|reference| digest(reference)));
            report.incomplete = report.incomplete.or_else(|| run.incomplete());
            let run = Context::of(run);
            for outcome in run.results.iter().flatten() {
                outcome.findings(&run, &mut found)?;
            }
        }
        report.findings = found.findings;
        let version = version.filter(|_| names.len() == 1).map(ToOwned::to_owned);
        report.tool = (!names.is_empty()).then(|| Tool { name: names.join(", "), version });
        Ok(report)
    }
}

/// How many tools of one file are named.
const MOST_TOOLS: usize = 8;

impl Run {
    /// Why what this run does not report may still be there.
    fn incomplete(&self) -> Option<String> {
        let name = &self.tool.driver.name;
        for invocation in &self.invocations {
            if invocation.execution_successful == Some(false) {
                let code = invocation.exit_code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
                return Some(format!("{name} says that it did not run to its end{code}"));
            }
            let notifications =
                invocation.tool_execution_notifications.iter().chain(&invocation.tool_configuration_notifications);
            let errors = notifications.filter(|notification| notification.level == "error").count();
            if errors > 0 {
                return Some(format!("{name} reports {errors} errors of its own while it ran"));
            }
        }
        if !self.external_property_file_references.results.is_empty() {
            return Some(format!("the results of {name} are in another file"));
        }
        // §3.14.23: a run that looked and found nothing has an empty list.
        self.results.is_none().then(|| format!("{name} was not asked for results in this run"))
    }

    fn target(&self) -> Option<String> {
        let repository = || self.version_control_provenance.iter().find_map(|origin| origin.repository_uri.clone());
        self.properties.image_name.clone().or_else(repository).filter(|target| !target.is_empty())
    }
}

/// A run with what its results are looked up in.
struct Context<'run> {
    run: &'run Run,
    /// The driver's rules, then those of each extension.
    rules: Vec<Vec<Known<'run>>>,
    /// Where in `rules` an id is.
    ids: HashMap<&'run str, (usize, usize)>,
}

/// A rule and what is worked out once for all of its results.
struct Known<'run> {
    rule: &'run Rule,
    /// Its short description, where that says more than its id.
    title: Option<&'run str>,
    sort: Option<FindingKind>,
    cwes: Vec<u32>,
    vulnerability_ids: Vec<String>,
    package: Option<Package>,
}

impl std::ops::Deref for Context<'_> {
    type Target = Run;

    fn deref(&self) -> &Run {
        self.run
    }
}

impl<'run> Context<'run> {
    fn of(run: &'run Run) -> Self {
        let components = || std::iter::once(&run.tool.driver).chain(&run.tool.extensions);
        let rules = components().map(|component| component.rules.iter().map(Known::of).collect()).collect();
        let mut ids = HashMap::new();
        for (component, program) in components().enumerate() {
            for (place, rule) in program.rules.iter().enumerate() {
                ids.entry(&*rule.id).or_insert((component, place));
            }
        }
        Self { run, rules, ids }
    }

    /// The rule of a result: by its place, by its id, or by a parent of a hierarchical id (§3.27.5 to 7).
    fn rule(&self, outcome: &Outcome) -> Option<&Known<'run>> {
        /// Levels of a hierarchical id; tools use two.
        const DEEPEST: usize = 8;

        let component = outcome.rule.tool_component.index.map_or(0, |extension| extension.saturating_add(1));
        if let Some(index) = outcome.rule.index.or(outcome.rule_index)
            && let Some(rule) = self.rules.get(component).and_then(|rules| rules.get(index))
        {
            return Some(rule);
        }
        let id = outcome.rule_id.as_deref().or(outcome.rule.id.as_deref())?;
        std::iter::successors(Some(id), |id| Some(id.rsplit_once('/')?.0)).take(DEEPEST).find_map(|id| {
            let (component, place) = *self.ids.get(id)?;
            self.rules.get(component)?.get(place)
        })
    }

    /// A message as text: its own, or the rule's or the tool's by its id, with arguments filled in (§3.11).
    fn text(&self, message: &Message, rule: Option<&Rule>) -> String {
        let by_id = || {
            let id = message.id.as_deref()?;
            rule.and_then(|rule| rule.message_strings.get(id))
                .or_else(|| self.tool.driver.global_message_strings.get(id))
        };
        let text = message.plain().or_else(|| by_id()?.plain()).unwrap_or_default();
        fill(text, &message.arguments)
    }

    fn location(&self, place: &Place) -> Option<Location> {
        let artifact = &place.physical_location.artifact_location;
        let listed = || self.artifacts.get(artifact.index?)?.location.uri.as_deref();
        let logical = || {
            let name = place.logical_locations.first()?;
            name.fully_qualified_name.as_deref().or(name.name.as_deref())
        };
        let file = artifact.uri.as_deref().or_else(listed).or_else(logical)?;
        let line = place.physical_location.region.start_line.and_then(|line| u32::try_from(line).ok());
        Some(Location { file: file.to_owned(), line: line.filter(|line| *line > 0) }).filter(|_| !file.is_empty())
    }
}

impl<'run> Known<'run> {
    fn of(rule: &'run Rule) -> Self {
        let tags = rule.properties.tags.0.iter().map(String::as_str);
        let short = rule.short_description.plain();
        Self {
            rule,
            // Some tools only repeat the rule's id there, bare or in a sentence.
            title: short.filter(|short| !short.contains(&rule.id)),
            sort: sort(&rule.properties),
            cwes: weaknesses(&rule.properties, rule.relationships.iter().map(|relation| &relation.target))
                .into_iter()
                .collect(),
            vulnerability_ids: super::distinct(short.into_iter().chain(tags).flat_map(vulnerability_ids)),
            package: rule.help.plain().and_then(package),
        }
    }
}

/// Tools that do one thing, by how their names begin in lower case.
const TOOLS: &[(&[&str], FindingKind)] = &[
    (&["gitleaks", "trufflehog", "ggshield", "detect-secrets", "nosey", "secretlint"], FindingKind::Secret),
    (&["grype", "osv-scanner", "snyk open source", "dependency-check", "docker scout"], FindingKind::Vulnerability),
    (
        &["checkov", "tfsec", "terrascan", "kics", "hadolint", "dockle", "kubescape", "kube-linter", "snyk iac"],
        FindingKind::Misconfiguration,
    ),
];

impl Outcome {
    /// One finding for each place: each is mended by itself, though some tools list all places of a rule in one result.
    fn findings(&self, run: &Context<'_>, report: &mut Found) -> Result<(), ParseError> {
        // §3.27.9: these kinds are not problems. §3.27.24: an absent result is in the baseline and no longer here.
        if matches!(self.kind.as_deref(), Some("pass" | "notApplicable")) || self.baseline_state == "absent" {
            return Ok(());
        }
        let finding = self.finding(run);
        let mut seen = BTreeSet::new();
        for place in self.locations.iter().filter_map(|place| run.location(place)) {
            if !seen.insert((place.file.clone(), place.line)) {
                continue;
            }
            let mut finding = finding.clone();
            finding.location = Some(place);
            if seen.len() > 1
                && let Some(fingerprint) = &mut finding.fingerprint
            {
                fingerprint.push_str(&format!("/{}", seen.len()));
            }
            report.push(finding)?;
        }
        if seen.is_empty() { report.push(finding) } else { Ok(()) }
    }

    fn finding(&self, run: &Context<'_>) -> Finding {
        let known = run.rule(self);
        let rule = known.map(|known| known.rule);
        let id = self.rule_id.as_deref().or(self.rule.id.as_deref()).or(rule.map(|rule| &*rule.id));
        let kind = self.kind_of_finding(run, known, id);
        let mut message = run.text(&self.message, rule);
        if kind == FindingKind::Secret {
            message = self.without_secrets(&message);
        }

        let short = known.and_then(|known| known.title);
        let first_line = message.trim().lines().next().filter(|line| !line.is_empty());
        let name = rule.and_then(|rule| rule.name.as_deref());
        let title = short.or(first_line).or(name).or(id).unwrap_or("unnamed result");
        let mut finding = Finding::new(kind, self.severity(rule), title);

        let full = rule.and_then(|rule| rule.full_description.plain()).unwrap_or_default();
        finding.description = match message.trim() {
            message if message.contains(full) => message.to_owned(),
            message => format!("{message}\n\n{full}").trim_start().to_owned(),
        };
        finding.rule = id.map(ToOwned::to_owned);
        finding.cwes = known.map(|known| known.cwes.clone()).unwrap_or_default();
        finding.cwes.extend(weaknesses(&self.properties, self.taxa.iter()));
        if kind == FindingKind::Vulnerability {
            let of_rule = known.into_iter().flat_map(|known| known.vulnerability_ids.iter().cloned());
            finding.vulnerability_ids = id.into_iter().flat_map(vulnerability_ids).chain(of_rule).collect();
            finding.package = package(&message).or_else(|| known?.package.clone());
        }
        finding.remediation = self.fixes.iter().find_map(|fix| fix.description.plain()).map(ToOwned::to_owned);
        finding.references = rule.map(|rule| rule.help_uri.clone()).into_iter().collect();
        finding.fingerprint = fingerprint(&self.fingerprints).or_else(|| fingerprint(&self.partial_fingerprints));
        finding.suppressed = self.suppressed();
        finding
    }

    /// A rating where there is one, else the level: the result's own, else the rule's, else `warning` (§3.27.10).
    fn severity(&self, rule: Option<&Rule>) -> Severity {
        let rated = |properties: &Properties| {
            let text = properties.security_severity.as_deref()?;
            text.parse().ok().and_then(rating).or_else(|| severity(text))
        };
        let rated = rated(&self.properties).or_else(|| rated(&rule?.properties));
        rated.unwrap_or_else(|| {
            let level = match (&self.level, self.kind.as_deref()) {
                (Some(level), _) => level,
                (None, Some(kind)) if kind != "fail" => "none",
                (None, _) => rule.and_then(|rule| rule.default_configuration.level.as_deref()).unwrap_or("warning"),
            };
            match level {
                "error" => Severity::High,
                "note" | "none" => Severity::Info,
                _ => Severity::Medium,
            }
        })
    }

    /// SARIF has no word for it: by the tags that Trivy, CodeQL and others set, by the tool, by the rule's name.
    fn kind_of_finding(&self, run: &Context<'_>, known: Option<&Known<'_>>, id: Option<&str>) -> FindingKind {
        let of_tool = || {
            let tool = run.tool.driver.name.to_ascii_lowercase();
            let made_by = |(names, _): &&(&[&str], FindingKind)| names.iter().any(|name| tool.starts_with(name));
            TOOLS.iter().find(made_by).map(|(_, kind)| *kind)
        };
        let of_id = || id.and_then(|id| vulnerability_ids(id).next()).map(|_| FindingKind::Vulnerability);
        known
            .and_then(|known| known.sort)
            .or_else(|| sort(&self.properties))
            .or_else(of_tool)
            .or_else(of_id)
            .unwrap_or(FindingKind::Code)
    }

    /// §3.27.23: suppressed is what has suppressions, none of them under review or rejected.
    fn suppressed(&self) -> Option<String> {
        let accepted = |one: &Suppression| !matches!(one.status.as_deref(), Some("underReview" | "rejected"));
        let first = self.suppressions.first()?;
        self.suppressions.iter().all(accepted).then(|| {
            let place = if first.kind == "external" { "outside the source" } else { "in the source" };
            let reason = self.suppressions.iter().map(|one| one.justification.trim()).find(|reason| !reason.is_empty());
            match reason {
                Some(reason) => format!("suppressed {place}: {reason}"),
                None => format!("suppressed {place}"),
            }
        })
    }

    /// `message` without any word that the tool shows as the secret or as the code around it.
    fn without_secrets(&self, message: &str) -> String {
        /// Shorter ones are words of the language, and no credential that anybody issues.
        const SHORTEST: usize = 8;
        /// A message or code beyond this is not worth searching; then there is no message.
        const LONGEST: usize = 8192;

        let properties = [&self.properties.offender, &self.properties.secret, &self.properties.matched];
        let snippets = self.locations.iter().map(|place| &*place.physical_location.region.snippet.text);
        let mut message = message.to_owned();
        for shown in snippets.chain(properties.into_iter().filter_map(Text::as_deref)) {
            if message.len() > LONGEST || shown.len() > LONGEST {
                return String::new();
            }
            let words = shown.split(|letter: char| letter.is_whitespace() || "\"'`=:;,(){}[]<>".contains(letter));
            for word in std::iter::once(shown.trim()).chain(words).filter(|word| word.len() >= SHORTEST) {
                if message.contains(word) {
                    message = message.replace(word, "[removed]");
                }
            }
        }
        message
    }
}

/// Replaces `{0}`, `{1}`, … (§3.11.5); what has no argument stays.
fn fill(text: &str, arguments: &[String]) -> String {
    /// Longer than any message that a person reads; a placeholder can be repeated without end.
    const LONGEST: usize = 1 << 16;

    let mut filled = String::new();
    let mut rest = text;
    while let Some(from) = rest.find('{')
        && !arguments.is_empty()
        && filled.len() < LONGEST
    {
        let after = &rest[from + 1..];
        let digits = after.bytes().take(3).take_while(u8::is_ascii_digit).count();
        let argument = after[..digits].parse::<usize>().ok().and_then(|number| arguments.get(number));
        filled.push_str(&rest[..from]);
        rest = match (argument, after[digits..].strip_prefix('}')) {
            (Some(argument), Some(after)) => {
                filled.push_str(argument);
                after
            }
            _ => {
                filled.push('{');
                after
            }
        };
    }
    filled + rest
}

/// A result's fingerprint: the one that is given, or a hash of several in a fixed order. Some tools put an author's
/// address among them, which is nothing to keep.
fn fingerprint(given: &HashMap<String, Fingerprint>) -> Option<String> {
    const LONGEST: usize = 128;

    let mut parts = given
        .iter()
        .filter_map(|(name, value)| match value {
            Fingerprint::Text(value) | Fingerprint::Nested { value } => Some(format!("{name}={value}")),
            Fingerprint::Other(_) => None,
        })
        .collect::<Vec<_>>();
    parts.sort_unstable();
    match &*parts {
        [] => None,
        [one] if one.len() <= LONGEST => Some(one.clone()),
        parts => Some(format!("sha256:{}", hex::encode(Sha256::digest(parts.join("\n"))))),
    }
}

/// From the lines that Trivy writes into the message and Grype into the rule's help: `Package: apt`, …
fn package(text: &str) -> Option<Package> {
    let labelled = |labels: &[&str]| {
        text.lines().find_map(|line| {
            let (label, value) = line.split_once(": ")?;
            let value = value.trim();
            (labels.contains(&label.trim()) && !value.is_empty()).then(|| value.to_owned())
        })
    };
    Some(Package {
        name: labelled(&["Package"])?,
        version: labelled(&["Installed Version", "Version"]),
        fixed_version: labelled(&["Fixed Version", "Fix Version"]),
        purl: None,
    })
}

/// What a tag says that a finding is.
fn sort(properties: &Properties) -> Option<FindingKind> {
    properties.tags.0.iter().find_map(|tag| match tag.to_ascii_lowercase().as_str() {
        "secret" | "secrets" => Some(FindingKind::Secret),
        "vulnerability" => Some(FindingKind::Vulnerability),
        "misconfiguration" => Some(FindingKind::Misconfiguration),
        _ => None,
    })
}

/// The numbers of all weaknesses that tags, a `cwe` property or taxa name, each once.
fn weaknesses<'a>(properties: &Properties, taxa: impl Iterator<Item = &'a Reference>) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for text in properties.tags.0.iter().chain(&properties.cwe.0) {
        found.extend(cwes(text));
    }
    for taxon in taxa {
        let of_cwe = taxon.tool_component.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("cwe"));
        let Some(id) = taxon.id.as_deref() else { continue };
        match id.parse::<u32>() {
            Ok(number) if of_cwe => found.extend([number]),
            _ => found.extend(cwes(id)),
        }
    }
    found
}
