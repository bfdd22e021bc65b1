//! Reading a source at its address, in a job: what is there now, with what it points to, and what the catalog becomes by it.
//!
//! A part that cannot be had makes a reading incomplete: what it says is taken, and nothing is let go of.

mod address;
mod discovery;
mod fetch;
pub(super) mod hook;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use futures::future::join_all;
use model::{DocumentError, SourceId, SourceKind};
use secrecy::SecretString;
use time::OffsetDateTime;
use url::Url;

use self::{
    address::{Place, headers},
    discovery::{Organisation, Wanted},
    fetch::{Failed, Fetched, fetch},
};
use super::{
    DescriptorFile,
    import::{MAX_BYTES, Reading, SourceName, import_reading},
    import_plan::Beside,
    source_sql::{self, FileCopy, Polled},
};
use crate::{
    Portal,
    authz::{Actor, ORGANISATION},
    egress::Egress,
    error::{Error, Result},
    jobs::{self, Job},
    live::{self, Topic},
};

/// How often a source is read where nobody says otherwise.
pub const EVERY: Duration = Duration::from_secs(5 * 60);
/// The largest file, in bytes.
const MOST_BYTES: usize = 16 << 20;
/// The most files of one source.
const MOST_FILES: usize = 1_000;
/// The most pages of an organisation's list.
const MOST_PAGES: usize = 100;
/// How far Locations lead to further Locations.
const MOST_DEPTH: usize = 5;
/// How many files of an organisation are asked for at once.
const AT_ONCE: usize = 4;
/// A source that fails is read at least this often.
const LONGEST_BACKOFF: Duration = Duration::from_secs(3600);
/// When a source that is being read elsewhere is looked at again.
const ELSEWHERE: Duration = Duration::from_secs(1);

/// What an address is, for a form: whether it can be read at all, from a host that is allowed.
pub(super) fn check(egress: &Egress, kind: SourceKind, text: &str, with_token: bool) -> Result<()> {
    let request = match kind {
        SourceKind::Discovery => Organisation::parse(text)?.list()?,
        _ => Place::parse(text)?.request(with_token)?,
    };
    egress.check("address", request.as_str()).map(drop)
}

/// Reads one source now. One that is read elsewhere at this moment is read again after.
pub(crate) async fn read(portal: &Portal, source: SourceId) -> Result<()> {
    let Some(locked) = portal.db.lock(&format!("catalog.source:{source}")).await? else {
        return jobs::enqueue_alone(portal, &Job::ReadSource { source }, ELSEWHERE).await;
    };
    let began = portal.clock.now();
    let mut tx = portal.db.sources().await?;
    let polled = source_sql::polled(&mut tx, source).await?;
    let copies = source_sql::copies(&mut tx, source).await?;
    drop(tx);
    let Some(polled) = polled.filter(|polled| polled.kind.is_polled()) else { return locked.release().await };
    let outcome = match token(portal, &polled) {
        Ok(token) => gather(portal, &polled, token.as_ref(), copies).await,
        Err(error) => Err(Failed::from(error)),
    };
    let outcome = match outcome {
        Ok(gathered) => take(portal, &polled, gathered).await,
        Err(failed) => Err(failed),
    };
    note(portal, &polled, began, outcome).await?;
    locked.release().await
}

/// Everything that a reading found.
#[derive(Default)]
struct Gathered {
    files: Vec<DescriptorFile>,
    beside: Beside,
    /// What could not be had, or leads nowhere.
    errors: Vec<DocumentError>,
    /// Nothing is missing from it.
    whole: bool,
    /// Anything is otherwise than at the last reading.
    changed: bool,
    copies: Vec<FileCopy>,
    retry_after: Option<Duration>,
}

struct Reader<'a> {
    egress: &'a Egress,
    token: Option<&'a SecretString>,
    /// The only host that gets the token.
    trusted: String,
    before: HashMap<String, FileCopy>,
}

async fn gather(
    portal: &Portal,
    polled: &Polled,
    token: Option<&SecretString>,
    copies: Vec<FileCopy>,
) -> Result<Gathered, Failed> {
    let address = polled.address.as_deref().unwrap_or_default();
    let known = copies.len();
    let mut reader = Reader {
        egress: &portal.settings.egress,
        token,
        trusted: String::new(),
        before: copies.into_iter().map(|copy| (copy.address.clone(), copy)).collect(),
    };
    let mut gathered = Gathered { whole: true, ..Gathered::default() };
    let mut places = match polled.kind {
        SourceKind::Discovery => {
            let organisation = Organisation::parse(address)?;
            let list = organisation.list()?;
            reader.trusted = address::origin(&list);
            let path = polled.path.as_deref().unwrap_or(address::DESCRIPTOR);
            let wanted = Wanted { forks: polled.with_forks, archived: polled.with_archived };
            reader.repositories(&organisation, list, wanted, path, &mut gathered).await?
        }
        _ => {
            let place = Place::parse(address)?;
            reader.trusted = address::origin(&place.request(token.is_some())?);
            vec![place]
        }
    };
    let optional = polled.kind == SourceKind::Discovery;
    let mut seen: BTreeSet<Place> = places.iter().cloned().collect();
    let most_files = seen.len().max(MOST_FILES);
    let mut bytes_in_all = 0;
    let mut from: BTreeMap<Place, DocumentError> = BTreeMap::new();
    for depth in 0..=MOST_DEPTH {
        let asked = std::mem::take(&mut places);
        let mut answers = Vec::with_capacity(asked.len());
        for some in asked.chunks(AT_ONCE) {
            answers.extend(join_all(some.iter().map(|place| reader.file(place)).collect::<Vec<_>>()).await);
        }
        for (answer, place) in answers.into_iter().zip(asked) {
            let named = place.to_string();
            let mut wrong = |reason: String| {
                let at = from.get(&place).cloned().unwrap_or_else(|| whole_file(&named));
                gathered.errors.push(DocumentError { reason, ..at });
            };
            let (bytes, is_new) = match answer {
                Ok(Some((copy, is_new))) => {
                    let bytes = copy.body.clone();
                    gathered.copies.push(copy);
                    (bytes, is_new)
                }
                // the repository has no descriptor
                Ok(None) if optional && depth == 0 => continue,
                Ok(None) if depth == 0 => {
                    let reason = format!("{named} is not there, or the token may not read it (404)");
                    return Err(Failed { reason, retry_after: None });
                }
                Ok(None) => {
                    wrong(format!("{named} is not there (404)"));
                    gathered.whole = false;
                    continue;
                }
                Err(failed) if depth == 0 && !optional => return Err(failed),
                Err(failed) => {
                    wrong(format!("{named} cannot be read: {}", failed.reason));
                    gathered.whole = false;
                    gathered.retry_after = gathered.retry_after.max(failed.retry_after);
                    continue;
                }
            };
            gathered.changed |= is_new;
            bytes_in_all += bytes.len();
            if bytes_in_all > MAX_BYTES {
                return Err(Error::TooLarge(format!("it has more than {} MiB of files", MAX_BYTES >> 20)).into());
            }
            let named_files = Named::of(&named, &bytes);
            for target in named_files.includes {
                let found = reader.included(&place, &target).await;
                let found = found.map(|(copy, is_new)| {
                    gathered.changed |= is_new;
                    bytes_in_all += copy.body.len();
                    let body = copy.body.clone();
                    if !gathered.copies.iter().any(|kept| kept.address == copy.address) {
                        gathered.copies.push(copy);
                    }
                    body
                });
                // without it the document is wrong, and stays as it was
                gathered.changed |= found.is_err();
                let found = found.map_err(|failed| format!("{target} cannot be included: {}", failed.reason));
                gathered.beside.insert((named.clone(), target), found);
            }
            if gathered.copies.len() > most_files {
                return Err(
                    Error::TooLarge(format!("it has more than {MOST_FILES} files, those included among them")).into()
                );
            }
            for (target, at) in named_files.targets {
                let joined = match place.join(&target) {
                    Ok(joined) => joined,
                    Err(error) => {
                        gathered.errors.push(DocumentError { reason: error.to_string(), ..at });
                        continue;
                    }
                };
                if !seen.insert(joined.clone()) {
                    continue;
                }
                let too_far = if depth == MOST_DEPTH {
                    Some(format!("Locations lead to each other more than {MOST_DEPTH} deep"))
                } else if seen.len() > most_files {
                    Some(format!("a source has at most {MOST_FILES} files"))
                } else {
                    None
                };
                if let Some(reason) = too_far {
                    gathered.whole = false;
                    gathered.errors.push(DocumentError { reason, ..at });
                    continue;
                }
                from.insert(joined.clone(), at);
                places.push(joined);
            }
            gathered.files.push(DescriptorFile { path: named, bytes });
        }
        if places.is_empty() {
            break;
        }
    }
    // a file that is not there any more is a change as well
    gathered.changed |= gathered.copies.len() != known;
    Ok(gathered)
}

impl Reader<'_> {
    /// The file, and whether it is otherwise than at the last reading; none where there is none.
    async fn file(&self, place: &Place) -> Result<Option<(FileCopy, bool)>, Failed> {
        let url = place.request(self.token.is_some())?;
        self.document(&place.to_string(), &url, place.host(), self.token).await
    }

    /// A file that a descriptor includes. What it holds is shown to whoever sees the entity, so the token is for the
    /// descriptor's own repository alone.
    async fn included(&self, place: &Place, target: &str) -> Result<(FileCopy, bool), Failed> {
        let included = place.join(target)?;
        let own = included.is_beside(place);
        let token = self.token.filter(|_| own);
        let url = included.request(token.is_some())?;
        let named = included.to_string();
        let found = self.document(&named, &url, included.host(), token).await?;
        found.ok_or_else(|| Error::Unavailable(format!("{named} is not there (404)")).into())
    }

    async fn document(
        &self,
        named: &str,
        url: &Url,
        host: Option<address::Host>,
        token: Option<&SecretString>,
    ) -> Result<Option<(FileCopy, bool)>, Failed> {
        let token = token.filter(|_| address::origin(url) == self.trusted);
        let before = self.before.get(named);
        let etag = before.and_then(|copy| copy.etag.as_deref());
        match fetch(self.egress, url, headers(host, true, token)?, etag, MOST_BYTES).await? {
            Fetched::Missing => Ok(None),
            Fetched::Unchanged => match before {
                Some(copy) => Ok(Some((copy.clone(), false))),
                None => {
                    Err(Error::Unavailable(format!("{named} says that it is unchanged, and was never read")).into())
                }
            },
            Fetched::New { body, etag, .. } => {
                let is_new = before.is_none_or(|copy| copy.body != body);
                Ok(Some((FileCopy { address: named.to_owned(), etag, body }, is_new)))
            }
        }
    }

    /// The file of each repository of an organisation, page by page.
    async fn repositories(
        &self,
        organisation: &Organisation,
        list: Url,
        wanted: Wanted,
        path: &str,
        gathered: &mut Gathered,
    ) -> Result<Vec<Place>, Failed> {
        let mut places = Vec::new();
        let mut pages: VecDeque<Url> = [list].into();
        let mut read = 0;
        while let Some(page) = pages.pop_front() {
            read += 1;
            // the way to the next page is in the answer, so a list is asked for anew each time
            let token = self.token.filter(|_| address::origin(&page) == self.trusted);
            let asked = fetch(self.egress, &page, headers(Some(organisation.host), false, token)?, None, MOST_BYTES);
            match asked.await? {
                Fetched::New { body, next, .. } => {
                    places.extend(organisation.files(&body, wanted, path)?);
                    pages.extend(next);
                }
                _ => {
                    let reason = format!("{page} is not there, or the token may not see it (404)");
                    return Err(Failed { reason, retry_after: None });
                }
            }
            let reason = match () {
                () if read == MOST_PAGES && !pages.is_empty() => {
                    format!("an organisation's list has at most {MOST_PAGES} pages")
                }
                () if places.len() > MOST_FILES => {
                    format!("an organisation has at most {MOST_FILES} repositories here")
                }
                () => continue,
            };
            places.truncate(MOST_FILES);
            gathered.whole = false;
            gathered.errors.push(DocumentError { reason, ..whole_file(page.as_str()) });
            break;
        }
        Ok(places)
    }
}

fn whole_file(file: &str) -> DocumentError {
    DocumentError {
        file: file.to_owned(),
        document: 1,
        line: 1,
        kind: None,
        name: None,
        field: None,
        reason: String::new(),
    }
}

/// The other files that a file names.
#[derive(Default)]
struct Named {
    /// By its Locations, each with its place.
    targets: Vec<(String, DocumentError)>,
    /// By what its descriptors include, each once.
    includes: BTreeSet<String>,
}

impl Named {
    fn of(file: &str, bytes: &[u8]) -> Self {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let mut named = Self::default();
        for result in formats::catalog::read(bytes, formats::Limits::default()) {
            let Ok(descriptor) = result.outcome else { continue };
            named.includes.extend(descriptor.includes().into_iter().map(|include| include.target));
            let at = DocumentError {
                document: number(descriptor.document),
                line: number(descriptor.line),
                kind: Some(descriptor.kind.label().to_owned()),
                name: Some(descriptor.metadata.name.clone()),
                field: Some("spec.targets".to_owned()),
                ..whole_file(file)
            };
            named.targets.extend(descriptor.targets().into_iter().map(|target| (target, at.clone())));
        }
        named
    }
}

/// Brings the catalog to what was found, where that is otherwise than before; when to ask again, where a host said so.
async fn take(portal: &Portal, polled: &Polled, gathered: Gathered) -> Result<Option<Duration>, Failed> {
    let Gathered { files, beside, errors, whole, changed, copies, retry_after } = gathered;
    if changed || !whole || polled.failing {
        let actor = Actor::system("catalog.read", None, format!("catalog.read:{}", polled.id));
        let source = SourceName { kind: polled.kind, name: polled.name.clone() };
        let reading = Reading { whole, must_exist: true, errors, beside, ..Reading::default() };
        import_reading(portal, &actor, &source, files, reading).await?;
    }
    if whole {
        // only now: what is known here is not asked for again
        let mut tx = portal.db.sources().await?;
        source_sql::keep_copies(&mut tx, polled.id, &copies, portal.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(retry_after)
}

async fn note(
    portal: &Portal,
    polled: &Polled,
    began: OffsetDateTime,
    outcome: Result<Option<Duration>, Failed>,
) -> Result<()> {
    let now = portal.clock.now();
    let every = polled.every.unwrap_or(EVERY);
    let mut tx = portal.db.sources().await?;
    if polled.asked || polled.failing || outcome.is_err() {
        live::announce(&mut tx, &Topic::new("catalog", ORGANISATION)).await?;
    }
    match outcome {
        Ok(wait) => {
            let next = now + jittered(portal, every).max(wait.unwrap_or_default());
            source_sql::worked(&mut tx, polled.id, began, now, next).await?;
        }
        Err(Failed { reason, retry_after }) => {
            let doubled = every.saturating_mul(1 << polled.failures.clamp(0, 10)).min(LONGEST_BACKOFF.max(every));
            let next = now + jittered(portal, doubled).max(retry_after.unwrap_or_default());
            tracing::warn!(source = polled.name, reason, "cannot read a source of the catalog");
            source_sql::failed(&mut tx, polled.id, &reason, began, now, next).await?;
        }
    }
    tx.commit().await
}

/// Within a tenth more, so that not all are read at once.
fn jittered(portal: &Portal, every: Duration) -> Duration {
    let part = u32::from(u16::from_le_bytes(portal.rng.bytes()));
    every + every / 10 * part / u32::from(u16::MAX)
}

fn token(portal: &Portal, polled: &Polled) -> Result<Option<SecretString>> {
    polled.token.as_ref().map(|sealed| super::edit::open(portal, "token", polled.id, sealed)).transpose()
}

/// Enqueues what is due.
pub(crate) async fn sweep(portal: &Portal) -> Result<()> {
    let mut tx = portal.db.sources().await?;
    let due = source_sql::take_due(&mut tx, portal.clock.now()).await?;
    for &source in &due {
        jobs::enqueue(&mut tx, &Job::ReadSource { source }).await?;
    }
    tx.commit().await
}
