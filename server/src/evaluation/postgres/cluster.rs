//! One Postgres cluster in a folder of ours: made once, started, taken over after a crash of the portal, and stopped.

use std::{
    env, fs,
    io::{self, Read, Seek, SeekFrom, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};
use url::Url;

use super::{Error, Options, Result, account::Account, io_failed, kept_password, write_private};

/// How long a start may take; replaying a long log after a crash is the slow case.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a server that we did not start may be silent before it is stopped and started anew.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);
/// How long a fast shutdown may take before an immediate one.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

const SOCKET: &str = ".s.PGSQL.5432";
/// The longest address of a Unix socket, in bytes: macOS takes 103, Linux 107 (`sockaddr_un`, less the final zero).
const SOCKET_PATH_LIMIT: usize = 103;
const LOG_LIMIT_BYTES: u64 = 10 << 20;

/// Where the server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listen {
    /// On a Unix socket in the data folder, which asks no password because nobody else can enter there.
    Socket,
    /// On a port of 127.0.0.1, with passwords (SCRAM).
    Loopback,
}

#[derive(Debug)]
pub(super) struct Cluster {
    folder: PathBuf,
    data: PathBuf,
    address: Address,
    /// `None` where the server of a killed portal was taken over.
    postmaster: Option<Child>,
    is_stopped: bool,
    /// Locked as long as we live, so that two portals never share a folder.
    _lock: fs::File,
}

#[derive(Debug)]
enum Address {
    Socket { folder: PathBuf, _short_way: Option<ShortWay> },
    Loopback { port: u16, password: SecretString },
}

impl Cluster {
    pub(super) async fn start(options: &Options, listen: Listen) -> Result<Self> {
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700);
        folder.create(&options.folder).map_err(io_failed("make the folder", &options.folder))?;
        let folder = options.folder.canonicalize().map_err(io_failed("find the folder", &options.folder))?;
        let lock = lock(&folder)?;
        let data = folder.join("data");
        let account = Account::for_data(&data)?;

        let made = Made { options, folder: &folder, data: &data, account, listen };
        if !data.exists() {
            made.make().await?;
        }
        let address = match listen {
            Listen::Socket => {
                let short_way = ShortWay::if_needed(&data, options)?;
                let folder = short_way.as_ref().map_or_else(|| data.clone(), |way| way.link.clone());
                Address::Socket { folder, _short_way: short_way }
            }
            Listen::Loopback => {
                let file = made.password_file();
                let password = fs::read_to_string(&file).map_err(io_failed("read the password in", &file))?;
                Address::Loopback { port: made.port()?, password: password.into() }
            }
        };
        let mut cluster = Self {
            folder: folder.clone(),
            data: data.clone(),
            address,
            postmaster: None,
            is_stopped: false,
            _lock: lock,
        };
        cluster.come_up(&made).await?;
        Ok(cluster)
    }

    /// Waits until the server answers: the one that a killed portal left behind, or else a new one.
    async fn come_up(&mut self, made: &Made<'_>) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT {
            if self.postmaster.is_none() && made.running().is_none() {
                self.postmaster = Some(self.spawn(made)?);
            }
            match self.connect("postgres").await {
                Ok(connection) => return super::close(connection).await,
                Err(error) if is_not_up_yet(&error) => {}
                Err(source) => return Err(Error::Sql { attempt: "connect", source }),
            }
            let left_behind = made.running();
            if self.postmaster.as_mut().is_some_and(|ours| !matches!(ours.try_wait(), Ok(None))) {
                // It gives way to one that a killed portal had only just started.
                if left_behind.is_none() {
                    let said = end_of(&self.folder.join("postgres.log"));
                    return Err(Error::Program { program: "postgres", folder: self.folder.clone(), said });
                }
                self.postmaster = None;
            } else if let (None, Some(pid)) = (&self.postmaster, left_behind)
                && begun.elapsed() > SILENCE_LIMIT
            {
                tracing::warn!("the Postgres that an earlier portal left running does not answer; stopping it");
                stop_process(pid, Signal::QUIT, || made.running().is_none());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(Error::Silent { folder: self.folder.clone(), seconds: START_LIMIT.as_secs() })
    }

    fn spawn(&mut self, made: &Made<'_>) -> Result<Child> {
        made.remove_misleading_lock_file();
        if let Address::Loopback { port, .. } = &mut self.address {
            *port = made.free_port(*port)?;
        }
        let version_file = self.data.join("PG_VERSION");
        let version = fs::read_to_string(&version_file).map_err(io_failed("read", &version_file))?;
        let major = version.trim().parse().map_err(|_| Error::Program {
            program: "postgres",
            folder: self.folder.clone(),
            said: format!("PG_VERSION says {version:?}, which is no version"),
        })?;
        let binaries = made.account.usable(made.options.search.find(Some((major, &self.data)))?, &made.options.rng)?;
        let data = made.account.reach(&self.data).map_err(io_failed("open", &self.data))?;
        let log_file = self.folder.join("postgres.log");
        let log = open_log(&log_file).map_err(io_failed("open", &log_file))?;

        let mut postgres = made.account.command(&binaries.folder.join("postgres"));
        postgres.arg("-D").arg(&data.path);
        let mut set = |name: &str, value: &str| {
            postgres.arg("-c").arg(format!("{name}={value}"));
        };
        set("cluster_name", &made.name());
        set("timezone", "UTC");
        set("log_timezone", "UTC");
        set("logging_collector", "off");
        set("max_connections", "100");
        set("password_encryption", "scram-sha-256");
        match &self.address {
            Address::Socket { .. } => {
                set("listen_addresses", "");
                // The server changes into its data folder, so this needs no path that could be too long or closed.
                set("unix_socket_directories", ".");
                set("unix_socket_permissions", "0700");
                set("port", "5432");
            }
            Address::Loopback { port, .. } => {
                set("listen_addresses", "127.0.0.1");
                set("unix_socket_directories", "");
                set("port", &port.to_string());
            }
        }
        if !made.options.fsync {
            for name in ["fsync", "synchronous_commit", "full_page_writes"] {
                set(name, "off");
            }
        }
        postgres
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(io_failed("open", &log_file))?)
            .stderr(log)
            // An interrupt at the terminal reaches the portal alone, which stops Postgres when it has finished.
            .process_group(0)
            .spawn()
            .map_err(io_failed("run", &binaries.folder.join("postgres")))
    }

    pub(super) async fn connect(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        let password = match &self.address {
            Address::Socket { .. } => None,
            Address::Loopback { password, .. } => Some(password),
        };
        PgConnection::connect(self.url("postgres", password, database).expose_secret()).await
    }

    pub(super) fn superuser_url(&self) -> SecretString {
        match &self.address {
            Address::Socket { .. } => self.url("postgres", None, "postgres"),
            Address::Loopback { password, .. } => self.url("postgres", Some(password), "postgres"),
        }
    }

    pub(super) fn url(&self, role: &str, password: Option<&SecretString>, database: &str) -> SecretString {
        let mut url = Url::parse("postgres://127.0.0.1").expect("it is an address");
        url.set_path(database);
        let valid = "the scheme takes a user, a password and a port";
        url.set_username(role).expect(valid);
        url.set_password(password.map(ExposeSecret::expose_secret)).expect(valid);
        match &self.address {
            Address::Socket { folder, .. } => {
                url.query_pairs_mut().append_pair("host", &folder.to_string_lossy()).append_pair("port", "5432");
            }
            Address::Loopback { port, .. } => url.set_port(Some(*port)).expect(valid),
        }
        url.query_pairs_mut().append_pair("sslmode", "disable");
        String::from(url).into()
    }

    pub(super) async fn stop(mut self) -> Result<()> {
        let folder = self.folder.clone();
        let is_stopped = tokio::task::spawn_blocking(move || self.stop_now()).await.unwrap_or(false);
        if is_stopped {
            Ok(())
        } else {
            Err(Error::Program { program: "postgres", folder, said: "it did not end when told to".to_owned() })
        }
    }

    /// A fast shutdown (SIGINT), then an immediate one (SIGQUIT) where that does not end it. Whether it ended.
    fn stop_now(&mut self) -> bool {
        if self.is_stopped {
            return true;
        }
        let (data, name) = (self.data.clone(), cluster_name(&self.folder));
        self.is_stopped = match &mut self.postmaster {
            Some(child) => {
                let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return false };
                let mut has_ended = || !matches!(child.try_wait(), Ok(None));
                has_ended()
                    || stop_process(pid, Signal::INT, &mut has_ended)
                    || stop_process(pid, Signal::QUIT, has_ended)
            }
            None => match running(&data, &name) {
                Some(pid) => {
                    let mut has_ended = || running(&data, &name).is_none();
                    stop_process(pid, Signal::INT, &mut has_ended) || stop_process(pid, Signal::QUIT, has_ended)
                }
                None => true,
            },
        };
        self.is_stopped
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.stop_now() {
            tracing::error!(folder = %self.folder.display(), "the evaluation's Postgres did not end; it is taken over at the next start");
        }
    }
}

/// What is made on disk once and kept between starts.
struct Made<'a> {
    options: &'a Options,
    folder: &'a Path,
    data: &'a Path,
    account: Account,
    listen: Listen,
}

impl Made<'_> {
    /// Makes the data folder beside its place and moves it there when it is whole.
    async fn make(&self) -> Result<()> {
        let binaries = self.account.usable(self.options.search.find(None)?, &self.options.rng)?;
        if let Account::Other { gid, .. } = self.account {
            // The other user passes through this folder and reads nothing else in it.
            chown(self.folder, None, Some(gid)).map_err(io_failed("hand over", self.folder))?;
            fs::set_permissions(self.folder, fs::Permissions::from_mode(0o710))
                .map_err(io_failed("open up", self.folder))?;
        }
        for leftover in fs::read_dir(self.folder).into_iter().flatten().flatten() {
            if leftover.file_name().as_encoded_bytes().starts_with(b"unfinished-data-") {
                // An initdb whose portal was killed may still write here; it then fails, and what it wrote goes next time.
                fs::remove_dir_all(leftover.path()).ok();
            }
        }
        let unfinished = self.folder.join(format!("unfinished-data-{}", hex::encode(self.options.rng.bytes::<4>())));
        self.account.make_folder(&unfinished).map_err(io_failed("make the folder", &unfinished))?;

        let mut initdb = self.account.command(&binaries.folder.join("initdb"));
        let data = self.account.reach(&unfinished).map_err(io_failed("open", &unfinished))?;
        initdb.arg("-D").arg(&data.path).args(["--username=postgres", "--encoding=UTF8", "--data-checksums"]);
        match binaries.major {
            // From version 17 on Postgres brings this locale itself.
            17.. => initdb.args(["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]),
            _ if cfg!(target_os = "macos") => initdb.args(["--locale=C", "--lc-ctype=UTF-8"]),
            _ => initdb.arg("--locale=C.UTF-8"),
        };
        if !self.options.fsync {
            initdb.arg("--no-sync");
        }
        let password = match self.listen {
            Listen::Socket => {
                initdb.args(["--auth-local=trust", "--auth-host=reject"]);
                None
            }
            Listen::Loopback => {
                let file = self.password_file();
                kept_password(&file, &self.options.rng)?;
                self.account.give(&file).map_err(io_failed("hand over", &file))?;
                let file = self.account.reach(&file).map_err(io_failed("open", &file))?;
                initdb.args(["--auth-local=reject", "--auth-host=scram-sha-256"]).arg("--pwfile").arg(&file.path);
                Some(file)
            }
        };
        let output = run(initdb).await.map_err(io_failed("run", &binaries.folder.join("initdb")))?;
        drop((data, password));
        if !output.status.success() {
            fs::remove_dir_all(&unfinished).ok();
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::Program { program: "initdb", folder: self.folder.to_owned(), said });
        }
        fs::rename(&unfinished, self.data).map_err(io_failed("move into place", &unfinished))
    }

    fn password_file(&self) -> PathBuf {
        self.folder.join("superuser.password")
    }

    /// The kept port, or a free one, which is then kept.
    fn port(&self) -> Result<u16> {
        let file = self.folder.join("port");
        let kept = fs::read_to_string(&file).ok().and_then(|port| port.trim().parse().ok());
        match kept {
            Some(port) => Ok(port),
            None => {
                let port = any_free_port().map_err(io_failed("find a free port for", self.folder))?;
                write_private(&file, port.to_string().as_bytes()).map_err(io_failed("write", &file))?;
                Ok(port)
            }
        }
    }

    /// `port` where nobody else took it, else another one, which is then kept.
    fn free_port(&self, port: u16) -> Result<u16> {
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
        let file = self.folder.join("port");
        fs::remove_file(&file).map_err(io_failed("remove", &file))?;
        let other = self.port()?;
        tracing::warn!(
            port,
            other,
            "another program took the provisioning target's port; connection details that were shown before name the old one"
        );
        Ok(other)
    }

    fn name(&self) -> String {
        cluster_name(self.folder)
    }

    fn running(&self) -> Option<Pid> {
        running(self.data, &self.name())
    }

    /// Removes a lock file whose process id now belongs to another program, as happens when a container starts again:
    /// Postgres could take that program for itself. One whose process is gone Postgres removes with more care.
    fn remove_misleading_lock_file(&self) {
        let file = self.data.join("postmaster.pid");
        let Ok(content) = fs::read_to_string(&file) else { return };
        let pid = content.lines().next().and_then(|pid| pid.trim().parse().ok()).and_then(Pid::from_raw);
        let lives = pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
        if self.running().is_none() && (lives || pid.is_none()) {
            fs::remove_file(&file).ok();
        }
    }
}

/// A short symbolic link to a data folder whose socket's address would be too long; removed with the value.
#[derive(Debug)]
struct ShortWay {
    folder: PathBuf,
    link: PathBuf,
}

impl ShortWay {
    fn if_needed(data: &Path, options: &Options) -> Result<Option<Self>> {
        if data.join(SOCKET).as_os_str().len() <= SOCKET_PATH_LIMIT {
            return Ok(None);
        }
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_dir());
        let folder =
            runtime.unwrap_or_else(env::temp_dir).join(format!("rampart-{}", hex::encode(options.rng.bytes::<8>())));
        fs::DirBuilder::new().mode(0o700).create(&folder).map_err(io_failed("make the folder", &folder))?;
        let way = Self { link: folder.join("pg"), folder };
        symlink(data, &way.link).map_err(io_failed("link to the data as", &way.link))?;
        Ok(Some(way))
    }
}

impl Drop for ShortWay {
    fn drop(&mut self) {
        fs::remove_file(&self.link).ok();
        fs::remove_dir(&self.folder).ok();
    }
}

fn lock(folder: &Path) -> Result<fs::File> {
    let path = folder.join("lock");
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io_failed("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut process = String::new();
            file.read_to_string(&mut process).ok();
            let process = Some(process.trim().to_owned()).filter(|process| !process.is_empty());
            return Err(Error::AlreadyRunning { folder: folder.to_owned(), process });
        }
        Err(fs::TryLockError::Error(source)) => return Err(io_failed("lock", &path)(source)),
    }
    file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(io_failed("write", &path))?;
    Ok(file)
}

/// Tells the server of one folder from every other process: it stands on its command line.
fn cluster_name(folder: &Path) -> String {
    format!("rampart-{}", hex::encode(&Sha256::digest(folder.as_os_str().as_encoded_bytes())[..8]))
}

/// The server that runs on `data`, if one does and it is the one called `name`.
fn running(data: &Path, name: &str) -> Option<Pid> {
    let lock_file = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(lock_file.lines().next()?.trim().parse().ok()?)?;
    let command_line = if cfg!(target_os = "linux") {
        fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?
    } else {
        Command::new("ps").args(["-o", "args=", "-p", &pid.as_raw_nonzero().to_string()]).output().ok()?.stdout
    };
    String::from_utf8_lossy(&command_line).contains(name).then_some(pid)
}

/// Sends `signal` and waits; whether the process ended in time.
fn stop_process(pid: Pid, signal: Signal, mut has_ended: impl FnMut() -> bool) -> bool {
    kill_process(pid, signal).ok();
    let begun = Instant::now();
    while begun.elapsed() < STOP_LIMIT {
        if has_ended() {
            return true;
        }
        std::thread::sleep(POLL);
    }
    false
}

fn any_free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether waiting may help: nobody listens yet, or the server says that it starts or stops (SQLSTATE 57P03).
fn is_not_up_yet(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "57P03"),
        _ => false,
    }
}

async fn run(mut command: Command) -> io::Result<std::process::Output> {
    tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output()).await.map_err(io::Error::other)?
}

fn open_log(path: &Path) -> io::Result<fs::File> {
    let log = fs::OpenOptions::new().append(true).create(true).open(path)?;
    if log.metadata()?.len() > LOG_LIMIT_BYTES {
        log.set_len(0)?;
    }
    Ok(log)
}

/// The last lines of a log.
fn end_of(path: &Path) -> String {
    let mut end = String::new();
    if let Ok(mut log) = fs::File::open(path) {
        let from = log.metadata().map_or(0, |it| it.len().saturating_sub(2000));
        if log.seek(SeekFrom::Start(from)).is_ok() {
            log.read_to_string(&mut end).ok();
        }
    }
    let lines: Vec<_> = end.lines().rev().take(6).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("; ")
}
