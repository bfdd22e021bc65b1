//! `rampart serve` as a process of its own, upon an [`Installation`].

use std::time::Duration;

use reqwest::Client;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
};

use crate::setup::Installation;

/// How long it may take to begin or to end; a machine that is busy takes longer than one should.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Running {
    /// `http://127.0.0.1:PORT`
    pub address: String,
    child: Child,
}

impl Running {
    pub async fn start(installation: &Installation) -> Self {
        let addr = format!("127.0.0.1:{}", free_port().await);
        let mut command = Command::new(env!("CARGO_BIN_EXE_rampart"));
        command.arg("serve").current_dir(installation.folder.path("")).env_clear().envs(&installation.settings);
        command.env("RAMPART_ADDR", &addr).kill_on_drop(true);
        let mut running = Self { address: format!("http://{addr}"), child: command.spawn().unwrap() };
        let ready = format!("{}/readyz", running.address);
        let began = tokio::time::timeout(PATIENCE, async {
            while !Client::new().get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
                assert!(running.child.try_wait().unwrap().is_none(), "it ended instead of serving");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        began.await.unwrap();
        running
    }

    /// Ends it as a service manager does, and waits until it has.
    pub async fn stop(mut self) {
        let pid = rustix::process::Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
    }
}

/// A port that was free a moment ago.
pub async fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port()
}
