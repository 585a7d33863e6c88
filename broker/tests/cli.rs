//! The built program from outside: exit codes, streams, and the first five minutes.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests: a failure here is a failed test"
)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder of its own, removed with everything in it when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluicegate-cli-{}-{unique}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn program(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(words).current_dir(folder).stdin(Stdio::null());
    // What the machine that runs the tests happens to have set is not to bend them.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("SLUICEGATE_"))
        {
            command.env_remove(name);
        }
    }
    command
}

fn run(folder: &Folder, words: &[&str]) -> Output {
    program(&folder.0, words).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A program that runs beside the test, and ends with it.
struct Running(Child);

impl Running {
    fn start(folder: &Folder, words: &[&str]) -> Self {
        let mut command = program(&folder.0, words);
        Running(
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        )
    }

    /// The rest of the first line of standard error that holds `mark`, from there on to the next
    /// blank. Reads on in the background, so that the program never waits for us.
    fn told(&mut self, mark: &str) -> String {
        let mut lines = BufReader::new(self.0.stderr.take().unwrap()).lines();
        let found = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once(mark)?;
            rest.split_whitespace().next().map(str::to_owned)
        });
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        found.unwrap_or_else(|| panic!("nothing was told after {mark:?}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn exit_codes_are_the_documented_ones() {
    let folder = Folder::new();
    folder.write("bad.yaml", "kind: [");
    folder.write("settings.yaml", "listne: 127.0.0.1:0\n");
    for (words, code) in [
        (&["version"][..], 0),
        (&["--help"][..], 0),
        (&["send", "--help"][..], 0),
        (&["completion", "bash"][..], 0),
        (&["new", "broker", "orders"][..], 0),
        (&["new", "broker", "orders"][..], 1),
        (&[][..], 2),
        (&["sned"][..], 2),
        (&["send"][..], 2),
        (&["send", "t", "--ext", "Bad-Name=1", "--dry-run"][..], 2),
        (&["validate", "nowhere"][..], 2),
        (&["validate", "bad.yaml"][..], 3),
        (&["validate", "--config", "settings.yaml"][..], 3),
        (
            &["get", "triggers", "--server", "http://127.0.0.1:1"][..],
            5,
        ),
        (&["send", "t", "--server", "http://127.0.0.1:1"][..], 5),
        (&["send", "t", "--url", "http://127.0.0.1:1"][..], 5),
        (&["run", "--config", "settings.yaml"][..], 78),
        (&["run", "--config", "nowhere.yaml"][..], 78),
        (&["dev", "--log-level", "loud=very"][..], 2),
    ] {
        let output = run(&folder, words);
        let (out, talk) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}: {out}{talk}");
        assert!(
            !(out.contains("panicked") || talk.contains("panicked")),
            "{talk}"
        );
        if matches!(code, 1 | 2 | 5) {
            assert_eq!(out, "", "{words:?}: talk belongs on standard error");
            let next = talk.contains("\nnext:  ") || talk.contains("--help");
            assert!(next, "{words:?} ends without a next step: {talk}");
        }
    }
}

#[test]
fn nothing_is_coloured_on_a_pipe_unless_asked() {
    let folder = Folder::new();
    for (words, coloured) in [
        (
            &["get", "triggers", "--server", "http://127.0.0.1:1"][..],
            false,
        ),
        (
            &[
                "get",
                "triggers",
                "--server",
                "http://127.0.0.1:1",
                "--color",
                "always",
            ][..],
            true,
        ),
        (
            &[
                "get",
                "triggers",
                "--server",
                "http://127.0.0.1:1",
                "--color",
                "never",
            ][..],
            false,
        ),
    ] {
        let output = run(&folder, words);
        assert_eq!(
            text(&output.stderr).contains('\u{1b}'),
            coloured,
            "{words:?}"
        );
    }
}

#[test]
fn a_variable_stands_for_a_flag_and_the_flag_wins() {
    let folder = Folder::new();
    let told = |words: &[&str]| {
        let output = program(&folder.0, words)
            .env("SLUICEGATE_SERVER", "http://127.0.0.1:2")
            .env("SLUICEGATE_GET_OUTPUT", "json")
            .output()
            .unwrap();
        text(&output.stderr).to_owned()
    };
    assert!(told(&["get", "brokers"]).contains("127.0.0.1:2"));
    assert!(told(&["get", "brokers", "--server", "127.0.0.1:1"]).contains("127.0.0.1:1"));
}

#[test]
fn version_is_one_line_and_json_on_request() {
    let folder = Folder::new();
    let human = run(&folder, &["version"]);
    let line = format!("sluicegate {}\n", env!("CARGO_PKG_VERSION"));
    assert!(text(&human.stdout).starts_with(&line));
    let json = run(&folder, &["version", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["version"], env!("CARGO_PKG_VERSION"));
    assert!(
        value["rustc"]
            .as_str()
            .is_some_and(|rustc| rustc.starts_with("1.")),
        "{value}"
    );
}

#[test]
fn completions_know_the_verbs() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = run(&folder, &["completion", shell]);
        for verb in ["send", "sink", "validate", "deadletters"] {
            assert!(text(&output.stdout).contains(verb), "{shell}: {verb}");
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Folder::new();
    let mut command = program(&folder.0, &["completion", "zsh"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut talk = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut talk)
        .unwrap();
    assert_eq!((child.wait().unwrap().code(), talk.as_str()), (Some(0), ""));
}

#[test]
fn an_interrupt_from_the_terminal_ends_with_130() {
    let folder = Folder::new();
    let mut sink = Running::start(&folder, &["sink", "--port", "0"]);
    assert!(sink.told("listening on ").starts_with("http://127.0.0.1:"));
    let id = sink.0.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    assert_eq!(sink.0.wait().unwrap().code(), Some(130));
}

/// The acceptance script, on free ports: an event that nothing routes, a trigger for it, a
/// subscriber that is not there, and one that fails once.
#[test]
fn the_first_five_minutes_go_as_promised() {
    let folder = Folder::new();
    let any = "127.0.0.1:0";
    let mut dev = Running::start(
        &folder,
        &[
            "dev",
            "--listen",
            any,
            "--admin-listen",
            any,
            "--log-level",
            "off",
        ],
    );
    let admin = dev.told("admin            ");
    let send = |words: &[&str]| {
        let words = [&["send"], words, &["--server", &admin]].concat();
        let output = run(&folder, &words);
        (
            output.status.code(),
            text(&output.stdout).to_owned(),
            text(&output.stderr).to_owned(),
        )
    };

    let (code, out, talk) = send(&["demo.hello", "{\"hello\":\"world\"}"]);
    assert_eq!(code, Some(0), "{out}{talk}");
    assert!(
        out.starts_with("202 accepted   id ") && out.contains("→ default/default\n"),
        "{out}"
    );
    assert!(out.ends_with("no trigger matched (0 of 0)\n"), "{out}");
    assert!(
        talk.contains("sluicegate new trigger hello --type demo.hello --to"),
        "{talk}"
    );

    // A port that was free a moment ago, so that nothing listens there yet.
    let free = std::net::TcpListener::bind(any)
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let to = format!("http://localhost:{free}");
    let made = run(
        &folder,
        &["new", "trigger", "hello", "--type", "demo.*", "--to", &to],
    );
    assert_eq!(text(&made.stdout), "wrote sluicegate/hello.yaml\n");
    let valid = run(&folder, &["validate"]);
    assert_eq!(valid.status.code(), Some(0), "{}", text(&valid.stdout));
    wait_until("the trigger is served", || {
        let listed = run(
            &folder,
            &["get", "triggers", "-o", "name", "--server", &admin],
        );
        text(&listed.stdout) == "default/hello\n"
    });

    let (code, out, talk) = send(&["demo.hello", "{\"hello\":\"again\"}", "--wait"]);
    assert_eq!(code, Some(1), "{out}{talk}");
    let line = format!("  hello        ✗ connection refused  {to}   (attempt 1, next in ");
    assert!(out.contains(&line), "{out}");
    assert!(
        talk.contains(&format!("sluicegate sink --port {free}")),
        "{talk}"
    );

    let port = free.to_string();
    let sink = run(
        &folder,
        &[
            "sink",
            "--port",
            &port,
            "--respond",
            "503,200",
            "--count",
            "2",
        ],
    );
    let lines: Vec<&str> = text(&sink.stdout).lines().collect();
    assert!(
        lines[0].contains("  demo.hello  /sluicegate/cli  "),
        "{lines:?}"
    );
    assert!(
        lines[0].ends_with("→ 503 (told to)") && lines[1].ends_with("→ 200"),
        "{lines:?}"
    );

    wait_until("the delivery is in the books", || {
        let listed = run(
            &folder,
            &["get", "triggers", "hello", "-o", "json", "--server", &admin],
        );
        let list: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        list["items"][0]["books"]["delivered"] == 1
    });

    let get = |words: &[&str]| run(&folder, &[&["get"], words, &["--server", &admin]].concat());
    for (name, code, told) in [
        (
            "hello",
            0,
            "none of the dead letters is one that was asked for",
        ),
        ("hallo", 1, "nothing named hallo among its triggers"),
    ] {
        let listed = get(&["deadletters", "--trigger", name]);
        assert_eq!(listed.status.code(), Some(code), "{name}");
        assert!(text(&listed.stderr).contains(told), "{name}");
    }

    let condition = ["--cesql", "amount > 100", "--to", &to];
    let made = run(
        &folder,
        &[&["new", "trigger", "large"], &condition[..]].concat(),
    );
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    wait_until("the second trigger is served", || {
        text(&get(&["triggers", "-o", "name"]).stdout).contains("default/large\n")
    });
    let (code, out, talk) = send(&["other.type"]);
    assert_eq!(code, Some(0), "{out}{talk}");
    let told = "no trigger matched (0 of 2)\n\
                1 trigger could not evaluate its expression: large (missingAttribute: amount)\n";
    assert!(out.ends_with(told), "{out}");
    assert!(
        talk.contains("sluicegate explain") && !talk.contains("to route it"),
        "{talk}"
    );
    let shown = text(&get(&["triggers"]).stdout).to_owned();
    assert!(shown.contains("amount > 100 (1 failed)"), "{shown}");
}

/// Polls until `is_so`, or fails after a while.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    // Each look starts a program, which is pause enough between two of them.
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
    }
    panic!("never came true: {what}");
}

#[test]
fn a_file_in_place_of_the_folder_of_manifests_is_refused() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("a.yaml"), "").unwrap();
    std::fs::write(folder.0.join("sluicegate.yaml"), "manifests: a.yaml\n").unwrap();
    for (words, code, told) in [
        (
            &["dev", "--manifests", "a.yaml"][..],
            2,
            "--manifests must be a folder",
        ),
        (&["run"], 78, "`manifests` must be a folder"),
        (&["run", "--check"], 78, "`manifests` must be a folder"),
        (
            &["validate", "--config", "sluicegate.yaml"],
            78,
            "`manifests` must be a folder",
        ),
    ] {
        let output = run(&folder, words);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(told) && said.contains("is a file"), "{said}");
    }
}
