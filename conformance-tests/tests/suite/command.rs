//! Runs commands of the program that need no server.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use sluicegate_conformance::harness::binary;

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) talk: String,
}

/// Runs the program to its end with this standard input.
pub(crate) fn sluicegate(words: &[&str], input: &str) -> Done {
    let mut child = command(words).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    // On a thread: a program that answers line by line fills its output before all is read.
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()).ok());
    let output = child.wait_with_output().expect("its output can be read");
    writer.join().expect("it does not panic");
    let text = |bytes| String::from_utf8(bytes).expect("what it says is UTF-8");
    Done {
        code: output.status.code(),
        out: text(output.stdout),
        talk: text(output.stderr),
    }
}

/// The program, ready to be started with these words.
pub(crate) fn command(words: &[&str]) -> Command {
    let program = binary().unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(program);
    command
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
