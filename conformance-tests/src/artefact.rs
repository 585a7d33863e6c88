//! Finding the programs that tests drive, and saying which build it was.
//!
//! A test executable stands in `target/PROFILE/deps`, the programs of the same build one folder up:
//! taking them from there means that tests drive the very build that they were compiled with.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program `name` of this build, or the path that the variable `overriding` gives.
///
/// # Errors
///
/// When there is no such file, with the command that makes it.
pub(crate) fn program(name: &str, package: &str, overriding: &str) -> io::Result<PathBuf> {
    let path = match env::var_os(overriding) {
        Some(path) => PathBuf::from(path),
        None => beside_this_executable(name)?,
    };
    if path.is_file() {
        return Ok(path);
    }
    let message = format!(
        "there is no program at {}: build it with `cargo build -p {package}` (with --release if \
         the tests run so), or name another with {overriding}=PATH",
        path.display()
    );
    Err(io::Error::new(io::ErrorKind::NotFound, message))
}

fn beside_this_executable(name: &str) -> io::Result<PathBuf> {
    let executable = env::current_exe()?;
    let folder = executable.parent().unwrap_or(Path::new("."));
    let profile = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    Ok(profile.join(format!("{name}{}", env::consts::EXE_SUFFIX)))
}

/// A digest of a program for a failure's report, as `sha256sum` prints it; the machine may not
/// have that tool, and a report without a digest is still a report.
pub(crate) fn digest(program: &Path) -> String {
    Command::new("sha256sum")
        .arg(program)
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .and_then(|line| line.split_whitespace().next().map(str::to_owned))
        .unwrap_or_else(|| "unknown (sha256sum is missing)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_refused_with_the_command_that_makes_it() {
        let error = program(
            "no-such-program",
            "some-package",
            "SLUICEGATE_NO_SUCH_VARIABLE",
        )
        .expect_err("no build makes a program of this name");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(
            error.to_string().contains("cargo build -p some-package"),
            "{error}"
        );
    }
}
