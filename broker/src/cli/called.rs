//! The program as it was called, so that a command in a hint works as it stands.

use http::Uri;

use super::arguments::DEFAULT_SERVER;

/// How commands of this program are written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    program: String,
    /// The flag for a server that is not the default.
    server: String,
}

impl Called {
    /// As this process was called, for commands that ask `server`.
    pub fn now(server: &Uri) -> Self {
        let program = std::env::args_os().next();
        let program = program.and_then(|it| it.into_string().ok());
        Self::by(program.as_deref(), server)
    }

    pub(super) fn by(program: Option<&str>, server: &Uri) -> Self {
        let program = program.filter(|it| !it.is_empty()).unwrap_or("sluicegate");
        let server = server.to_string();
        let server = server.trim_end_matches('/');
        Called {
            program: quoted(program),
            server: match server {
                DEFAULT_SERVER => String::new(),
                other => format!(" --server {}", quoted(other)),
            },
        }
    }

    /// A command that asks the server.
    pub fn asking(&self, words: &str) -> String {
        format!("{}{}", self.alone(words), self.server)
    }

    /// A command that asks no server.
    pub fn alone(&self, words: &str) -> String {
        format!("{} {words}", self.program)
    }
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_bare = |it: char| it.is_ascii_alphanumeric() || "._-/:=@%+,[]~".contains(it);
    match !word.is_empty() && word.chars().all(is_bare) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_the_program_and_the_server_as_they_were_given() {
        for (program, server, asking) in [
            (Some("sluicegate"), DEFAULT_SERVER, "sluicegate get brokers"),
            (None, DEFAULT_SERVER, "sluicegate get brokers"),
            (
                Some("./my tools/sluicegate"),
                "http://127.0.0.1:9081",
                "'./my tools/sluicegate' get brokers --server http://127.0.0.1:9081",
            ),
        ] {
            let called = Called::by(program, &server.parse().unwrap());
            assert_eq!(called.asking("get brokers"), asking);
        }
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
