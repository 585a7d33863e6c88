//! File systems of our own: in a mount namespace that nobody else sees, and that ends with us, so
//! that no mount and no loop device is left behind however a run ends.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use super::verdict::{Trouble, not_here};

/// Set in a run that is inside the namespace already.
const INSIDE: &str = "SLUICEGATE_FAULTS_INSIDE";

/// Whose rights a namespace needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Root's: loop devices are not to be had without.
    Root,
    /// Anybody's, where the system lets users make namespaces.
    Anybody,
}

/// Runs this program again inside a mount namespace of its own, and gives its exit code; `None`
/// where this is that run.
pub fn in_mounts_of_our_own(outside: Outside) -> Option<ExitCode> {
    if env::var_os(INSIDE).is_some() {
        return None;
    }
    let mut flags = vec!["--mount", "--propagation", "private"];
    if !works(&flags) {
        if outside == Outside::Root {
            let what = "mounting and loop devices need root, with the right to make namespaces";
            return Some(not_here(what));
        }
        flags.extend(["--user", "--map-root-user"]);
        if !works(&flags) {
            return Some(not_here("neither root nor users may make mount namespaces"));
        }
    }
    Some(match again(&flags) {
        Ok(code) => code,
        Err(error) => not_here(&format!("unshare: {error}")),
    })
}

fn works(flags: &[&str]) -> bool {
    let tried = Command::new("unshare").args(flags).arg("true").output();
    tried.is_ok_and(|output| output.status.success())
}

fn again(flags: &[&str]) -> io::Result<ExitCode> {
    let status = Command::new("unshare")
        .args(flags)
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(INSIDE, "1")
        .status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Mounts a file system in memory, of so many bytes.
pub(super) fn mount_memory(at: &Path, bytes: u64) -> Result<(), Trouble> {
    fs::create_dir_all(at)?;
    let size = format!("size={bytes}");
    let words = ["-t", "tmpfs", "-o", &size, "tmpfs"];
    command(
        "mount",
        words.map(OsStr::new).iter().chain([&at.as_os_str()]),
    )
}

/// A file that is a disk with ext4 on it.
#[derive(Debug)]
pub(super) struct Image {
    file: PathBuf,
    at: PathBuf,
}

impl Image {
    /// Makes one in `file`, to be mounted at `at`.
    pub(super) fn make(file: PathBuf, at: PathBuf, bytes: u64) -> Result<Self, Trouble> {
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&file)?;
        made.set_len(bytes)?;
        drop(made);
        command("mkfs.ext4", [OsStr::new("-q"), file.as_os_str()])?;
        fs::create_dir_all(&at)?;
        Ok(Image { file, at })
    }

    /// Mounts it, so that nothing but a sync writes anything for a long while.
    pub(super) fn mount(&self) -> Result<(), Trouble> {
        let words = ["-o", "loop,commit=600"].map(OsStr::new);
        let places = [self.file.as_os_str(), self.at.as_os_str()];
        let mounted = command("mount", words.iter().chain(&places));
        mounted.map_err(|error| Trouble::NotHere(format!("no loop device: {error}")))
    }

    /// Unmounts it.
    pub(super) fn unmount(&self) -> Result<(), Trouble> {
        command("umount", [self.at.as_os_str()])
    }

    /// What the disk holds at this moment becomes a disk of its own, as a power cut would leave it.
    pub(super) fn cut(&self, copy: PathBuf) -> Result<Image, Trouble> {
        let words = [OsStr::new("--sparse=always"), self.file.as_os_str()];
        command("cp", words.iter().chain([&copy.as_os_str()]))?;
        Ok(Image {
            file: copy,
            at: self.at.clone(),
        })
    }

    /// Has the file system put itself in order, as the system does before it mounts after a cut.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        let status = Command::new("fsck.ext4")
            .arg("-p")
            .arg(&self.file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        // 1 says that something was put in order.
        match status.code() {
            Some(0 | 1) => Ok(()),
            _ => Err(Trouble::run(format!("fsck.ext4 ended with {status}"))),
        }
    }

    /// Removes the file.
    pub(super) fn remove(self) -> Result<(), Trouble> {
        Ok(fs::remove_file(self.file)?)
    }
}

/// Runs a program of the system's, which must succeed.
pub(super) fn command<T: AsRef<OsStr>>(
    program: &str,
    words: impl IntoIterator<Item = T>,
) -> Result<(), Trouble> {
    let output = Command::new(program).args(words).output();
    let output = output.map_err(|error| Trouble::NotHere(format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Trouble::run(format!("{program}: {}", said.trim())))
}
