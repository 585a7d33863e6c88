//! System calls that fail, or that do nothing, by `strace`; nothing in the program knows of it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::verdict::Trouble;

/// Says why `strace` can't be used, where it can't.
pub(super) fn is_there() -> Result<(), Trouble> {
    let tried = Command::new("strace")
        .args(["-f", "-qq", "--seccomp-bpf", "-e", "trace=fdatasync"])
        .args(["-e", "inject=fdatasync:retval=0", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match tried {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Trouble::NotHere(
            "strace may not trace here, or cannot make calls fail".to_owned(),
        )),
        Err(error) => Err(Trouble::NotHere(format!("strace: {error}"))),
    }
}

/// Words to start a program behind, so that whatever it syncs is not.
pub(super) fn without_syncs() -> Vec<OsString> {
    let calls = "fdatasync,fsync,sync,syncfs,sync_file_range,msync";
    words(&[
        "strace",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={calls}"),
        "-e",
        &format!("inject={calls}:retval=0"),
    ])
}

/// One kind of failure: the nth call of each thread fails so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) call: &'static str,
    pub(super) error: &'static str,
    pub(super) nth: u32,
}

/// Words to start a program behind so that it meets `fault`, with a trace of what it does to files
/// in `trace`.
pub(super) fn with_fault(fault: Fault, trace: &Path) -> Vec<OsString> {
    let Fault { call, error, nth } = fault;
    let mut words = words(&[
        "strace",
        "-f",
        "-qq",
        "-y",
        "-s",
        "0",
        "--seccomp-bpf",
        "-e",
        &format!("trace={}", traced(call)),
        "-e",
        &format!("inject={call}:error={error}:when={nth}"),
        "-o",
    ]);
    words.push(trace.as_os_str().to_owned());
    words
}

/// What is traced: writes and syncs always, so that what follows a failure is seen.
fn traced(call: &str) -> String {
    let mut calls = vec!["pwrite64", "fdatasync"];
    if !calls.contains(&call) {
        calls.push(call);
    }
    calls.join(",")
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// What a trace tells of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// How many calls were made to fail.
    pub(super) injected: u64,
    /// The files whose sync was made to fail.
    pub(super) unsynced: Vec<PathBuf>,
    /// Syncs and writes of such a file after that.
    pub(super) trusted_again: Vec<String>,
}

/// Reads a trace.
pub(super) fn read(trace: &Path) -> Told {
    let bytes = fs::read(trace).unwrap_or_default();
    told(&String::from_utf8_lossy(&bytes))
}

fn told(text: &str) -> Told {
    let mut told = Told::default();
    let mut unsynced: HashSet<&str> = HashSet::new();
    for line in text.lines() {
        let path = line
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'));
        let path = path.map(|(path, _)| path);
        if line.ends_with("(INJECTED)") {
            told.injected += 1;
            if let Some(path) = path.filter(|_| line.contains("fdatasync(")) {
                unsynced.insert(path);
                told.unsynced.push(PathBuf::from(path));
            }
        } else if path.is_some_and(|path| unsynced.contains(path)) && is_begun(line) {
            told.trusted_again.push(line.to_owned());
        }
    }
    told
}

/// Whether a line shows a call from its beginning: the end of one that another line began shows
/// something that was under way already.
fn is_begun(line: &str) -> bool {
    !line.contains(" resumed>")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
71 pwrite64(9</d/events/0.log>, \"\"..., 120, 4096) = 120
71 fdatasync(9</d/events/0.log>) = 0
72 fdatasync(8</d/progress/0.log>) = 0
71 fdatasync(9</d/events/0.log>) = -1 EIO (Input/output error) (INJECTED)
72 fdatasync(8</d/progress/0.log>) = 0
";

    #[test]
    fn a_file_is_trusted_again_when_it_is_synced_or_written_after_its_sync_failed() {
        let right = told(TRACE);
        assert_eq!((right.injected, right.unsynced.len()), (1, 1), "{right:?}");
        assert_eq!(right.trusted_again, [""; 0]);
        for again in [
            "71 fdatasync(11</d/events/0.log>) = 0",
            "71 pwrite64(9</d/events/0.log>, \"\"..., 8, 5000) = 8",
            "71 fdatasync(9</d/events/0.log> <unfinished ...>",
        ] {
            let wrong = told(&format!("{TRACE}{again}\n"));
            assert_eq!(wrong.trusted_again, [again]);
        }
        let resumed = "71 <... pwrite64 resumed>) = 8";
        assert!(
            told(&format!("{TRACE}{resumed}\n"))
                .trusted_again
                .is_empty()
        );
    }
}
