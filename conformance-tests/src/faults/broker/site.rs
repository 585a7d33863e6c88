//! Where a broker lives from one start to the next.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use super::Broker;
use crate::faults::verdict::Trouble;
use crate::harness::{Admin, binary, free_address, scratch_folder};

/// Where a broker lives: settings, manifests and data, which stay from one start to the next.
#[derive(Debug)]
pub(in super::super) struct Site {
    folder: PathBuf,
    data: PathBuf,
    ingress: SocketAddr,
    admin: SocketAddr,
    settings: String,
}

impl Site {
    /// A new one, without manifests. `settings` are lines of `sluicegate.yaml`.
    pub(in super::super) fn new(settings: &str) -> io::Result<Self> {
        let folder = scratch_folder("faults")?;
        fs::create_dir(folder.join("manifests"))?;
        let mut site = Site {
            data: folder.join("data"),
            ingress: free_address()?,
            admin: free_address()?,
            folder,
            settings: settings.to_owned(),
        };
        site.keep_data_in(site.data.clone())?;
        Ok(site)
    }

    /// From the next start on the data is there.
    pub(in super::super) fn keep_data_in(&mut self, data: PathBuf) -> io::Result<()> {
        let text = format!(
            "listen: {}\nadmin:\n  listen: {}\nmanifests: ./manifests\ndata: {}\n{}",
            self.ingress,
            self.admin,
            data.display(),
            self.settings
        );
        self.data = data;
        fs::write(self.folder.join("sluicegate.yaml"), text)
    }

    /// Writes a file of manifests.
    pub(in super::super) fn manifest(&self, file: &str, yaml: &str) -> io::Result<()> {
        fs::write(self.folder.join("manifests").join(file), yaml)
    }

    /// A folder for what the driver itself writes, removed with the site.
    pub(in super::super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of what survives.
    pub(in super::super) fn data(&self) -> &Path {
        &self.data
    }

    /// Where events go.
    pub(in super::super) fn ingress(&self) -> SocketAddr {
        self.ingress
    }

    /// Starts the program, behind the words of `wrapper` if there are any, and waits until it is
    /// ready.
    pub(in super::super) async fn start(&self, wrapper: &[OsString]) -> Result<Broker, Trouble> {
        let mut broker = self.spawn(wrapper)?;
        match broker.await_ready().await {
            Ok(()) => Ok(broker),
            Err(trouble) => {
                // What does not become ready must not be in the way of the next start.
                broker.kill().await?;
                Err(trouble)
            }
        }
    }

    /// The same without waiting.
    pub(in super::super) fn spawn(&self, wrapper: &[OsString]) -> Result<Broker, Trouble> {
        let output = self.folder.join("output.log");
        let file = File::create(&output)?;
        let mut words = wrapper.to_vec();
        words.push(binary()?.into_os_string());
        words.extend(["run", "--config", "sluicegate.yaml"].map(OsString::from));
        let child = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()?;
        Ok(Broker {
            child,
            admin: Admin(self.admin),
            output,
            started: Instant::now(),
            ready_after: Duration::ZERO,
        })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.folder).ok();
        }
    }
}
