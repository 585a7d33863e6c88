//! Where a command writes: data on standard output, talk on standard error.
//!
//! Data is what a program downstream reads; talk is for whoever waits. Colour is decided here once
//! per stream and never carries meaning alone. Text that came from outside goes through
//! [`visible`], so that no event can drive a terminal.
//!
//! [`visible`]: crate::logging::visible

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use super::exit::Failure;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set or the terminal is dumb
    #[default]
    Auto,
    /// Always, also into a pipe
    Always,
    /// Never
    Never,
}

impl ColorWhen {
    /// Whether a stream is to be coloured. `env` looks a variable up.
    fn decide(self, is_terminal: bool, env: impl Fn(&str) -> Option<String>) -> bool {
        match self {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                is_terminal
                    && env("NO_COLOR").is_none_or(|value| value.is_empty())
                    && env("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// Someone should look.
    Warning,
    /// Beside the point.
    Faint,
    /// The point.
    Strong,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Warning => "33",
            Tone::Faint => "2",
            Tone::Strong => "1",
        }
    }
}

/// Colours text, or leaves it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    enabled: bool,
}

impl Paint {
    /// Leaves everything as it is.
    pub const PLAIN: Paint = Paint { enabled: false };

    /// `text` in the colour of `tone`.
    pub fn paint(self, tone: Tone, text: impl Display) -> String {
        if self.enabled {
            format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code())
        } else {
            text.to_string()
        }
    }
}

/// The two streams of a command.
pub struct Console {
    out: Box<dyn Write>,
    talk: Box<dyn Write>,
    out_paint: Paint,
    talk_paint: Paint,
    talks_to_terminal: bool,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("out_paint", &self.out_paint)
            .field("talk_paint", &self.talk_paint)
            .finish_non_exhaustive()
    }
}

impl Console {
    /// The process's own streams.
    pub fn of_process(color: ColorWhen) -> Self {
        let env = |name: &str| std::env::var(name).ok();
        Console {
            out: Box::new(io::stdout()),
            talk: Box::new(io::stderr()),
            out_paint: Paint {
                enabled: color.decide(io::stdout().is_terminal(), env),
            },
            talk_paint: Paint {
                enabled: color.decide(io::stderr().is_terminal(), env),
            },
            talks_to_terminal: io::stderr().is_terminal()
                && env("TERM").is_none_or(|term| term != "dumb"),
        }
    }

    /// Streams of one's own, without colour.
    pub fn plain(out: impl Write + 'static, talk: impl Write + 'static) -> Self {
        Console {
            out: Box::new(out),
            talk: Box::new(talk),
            out_paint: Paint::PLAIN,
            talk_paint: Paint::PLAIN,
            talks_to_terminal: false,
        }
    }

    /// Writes a line of data.
    ///
    /// # Errors
    ///
    /// When it cannot be written; see [`Failure`] for a reader that has gone.
    pub fn print(&mut self, line: impl Display) -> Result<(), Failure> {
        writeln!(self.out, "{line}")?;
        self.out.flush()?;
        Ok(())
    }

    /// Writes data as it is.
    ///
    /// # Errors
    ///
    /// As [`Console::print`].
    pub fn print_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes)?;
        self.out.flush()?;
        Ok(())
    }

    /// Writes a line of talk. Nobody listening is no reason to stop.
    pub fn say(&mut self, line: impl Display) {
        writeln!(self.talk, "{line}").ok();
    }

    /// Writes the beginning of a line of talk, which an answer is typed behind.
    pub fn ask(&mut self, prompt: impl Display) {
        write!(self.talk, "{prompt}").ok();
        self.talk.flush().ok();
    }

    /// Writes a line of talk in the place of the one before, on a terminal; elsewhere nothing, since
    /// it could not be taken back. An empty one takes it away.
    pub fn progress(&mut self, line: impl Display) {
        if self.talks_to_terminal {
            write!(self.talk, "\r\u{1b}[K{line}").ok();
            self.talk.flush().ok();
        }
    }

    /// Tells a failure, with its next step.
    pub fn tell(&mut self, failure: &Failure) {
        let (Some(message), Some(next)) = (failure.message(), failure.next()) else {
            return;
        };
        let error = self.talk_paint.paint(Tone::Bad, "error:");
        let then = self.talk_paint.paint(Tone::Strong, "next: ");
        self.say(format_args!("{error} {message}\n{then} {next}"));
    }

    /// Colours data.
    pub fn paint(&self, tone: Tone, text: impl Display) -> String {
        self.out_paint.paint(tone, text)
    }

    /// Colours talk.
    pub fn paint_talk(&self, tone: Tone, text: impl Display) -> String {
        self.talk_paint.paint(tone, text)
    }

    /// Whether talk is coloured.
    pub fn talks_in_colour(&self) -> bool {
        self.talk_paint.enabled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        let none: &[(&str, &str)] = &[];
        for (when, is_terminal, env, colour) in [
            (ColorWhen::Auto, true, none, true),
            (ColorWhen::Auto, false, none, false),
            (ColorWhen::Auto, true, &[("NO_COLOR", "1")][..], false),
            (ColorWhen::Auto, true, &[("NO_COLOR", "")][..], true),
            (ColorWhen::Auto, true, &[("TERM", "dumb")][..], false),
            (ColorWhen::Auto, true, &[("TERM", "xterm")][..], true),
            (ColorWhen::Always, false, &[("NO_COLOR", "1")][..], true),
            (ColorWhen::Never, true, none, false),
        ] {
            let look_up = |name: &str| {
                env.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(
                when.decide(is_terminal, look_up),
                colour,
                "{when:?} {is_terminal} {env:?}"
            );
        }
    }

    #[test]
    fn paint_wraps_text_and_plain_leaves_it() {
        assert_eq!(
            Paint { enabled: true }.paint(Tone::Bad, "x"),
            "\u{1b}[31mx\u{1b}[0m"
        );
        assert_eq!(Paint::PLAIN.paint(Tone::Bad, "x"), "x");
    }
}
