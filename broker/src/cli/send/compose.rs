//! Makes events: from flags, through the CloudEvents SDK's builder, or from a file that holds them
//! as JSON.

use cloudevents::{AttributesWriter, EventBuilder, EventBuilderV10};
use sluicegate_event::{Event, Fault};

use super::SendArgs;
use crate::cli::data;
use crate::cli::event_file::read_events;
use crate::cli::exit::{Exit, Failure};

/// Core attributes that have a flag of their own, which says so to whoever tries `--ext`.
const HAS_A_FLAG: [(&str, &str); 6] = [
    ("id", "--id"),
    ("source", "--source"),
    ("type", "the first argument"),
    ("subject", "--subject"),
    ("datacontenttype", "--content-type"),
    ("specversion", "no flag: events are of version 1.0"),
];

/// The events to send, one after another.
#[derive(Debug)]
pub(super) struct Events {
    supply: Supply,
    sent: u64,
    total: u64,
}

#[derive(Debug)]
enum Supply {
    Made(Box<Recipe>),
    Read(std::vec::IntoIter<Event>),
}

/// How to make an event from flags.
#[derive(Debug)]
struct Recipe {
    ty: String,
    source: String,
    id: Option<String>,
    subject: Option<String>,
    extensions: Vec<(String, String)>,
    content_type: Option<String>,
    data: Option<Vec<u8>>,
    numbered: bool,
    random: fastrand::Rng,
}

impl Events {
    /// What the command line asks for. Files are read here, and events from a file are checked all
    /// before the first is sent.
    pub(super) async fn of(args: &SendArgs) -> Result<Self, Failure> {
        let supply = match (&args.ty, &args.file) {
            (None, Some(file)) => {
                let bytes = data::read(file).await?;
                let wanted = "one event in the JSON event format, an array of them, or one a \
                              line; for plain data give a TYPE too";
                let events = read_events(&bytes, data::shown_path(file), wanted)?;
                if events.is_empty() {
                    return Err(Failure::new(
                        Exit::Failed,
                        format!(
                            "{} holds no events; nothing was sent",
                            data::shown_path(file)
                        ),
                        "give a file with at least one event in the JSON event format",
                    ));
                }
                if args.count.is_some() {
                    return Err(Failure::usage(
                        "--count repeats an event of a TYPE; a file of events is sent once",
                        "leave --count out, or give a TYPE",
                    ));
                }
                if args.wait.is_some() && events.len() > 1 {
                    return Err(Failure::usage(
                        format!("--wait follows one event; the file holds {}", events.len()),
                        "leave --wait out, and look with `sluicegate get triggers`",
                    ));
                }
                Supply::Read(events.into_iter())
            }
            (Some(ty), file) => {
                Supply::Made(Box::new(Recipe::of(args, ty, file.as_deref()).await?))
            }
            (None, None) => {
                return Err(Failure::usage(
                    "there is neither a TYPE nor a --file",
                    "give one: sluicegate send demo.hello '{\"hello\":\"world\"}', or sluicegate \
                     send --file events.ndjson",
                ));
            }
        };
        let total = match &supply {
            Supply::Made(_) => args.count.unwrap_or(1),
            Supply::Read(events) => u64::try_from(events.len()).unwrap_or(u64::MAX),
        };
        Ok(Events {
            supply,
            sent: 0,
            total,
        })
    }

    /// The only event, or all of them back when there are more or none.
    pub(super) fn into_single(mut self) -> Result<Result<Event, Failure>, Self> {
        if self.total != 1 {
            return Err(self);
        }
        match self.next() {
            Some(event) => Ok(event),
            None => Err(self),
        }
    }
}

impl Iterator for Events {
    type Item = Result<Event, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.sent == self.total {
            return None;
        }
        self.sent += 1;
        match &mut self.supply {
            Supply::Made(recipe) => Some(recipe.make(self.sent)),
            Supply::Read(events) => events.next().map(Ok),
        }
    }
}

impl Recipe {
    async fn of(args: &SendArgs, ty: &str, file: Option<&str>) -> Result<Self, Failure> {
        let at = args.data.as_deref().and_then(|data| data.strip_prefix('@'));
        let data = match (file.or(at), &args.data) {
            (Some(path), _) => Some(data::read(path).await?),
            (None, Some(text)) => Some(text.clone().into_bytes()),
            (None, None) => None,
        };
        if args.source.is_empty() {
            return Err(Failure::usage(
                "--source is empty; every event has a source",
                "give a URI or a path such as /shop, or leave --source out",
            ));
        }
        for (name, _) in &args.ext {
            if let Some((_, flag)) = HAS_A_FLAG.iter().find(|(core, _)| core == name) {
                return Err(Failure::usage(
                    format!("{name} is no extension but a core attribute"),
                    format!("set it with {flag}"),
                ));
            }
        }
        Ok(Recipe {
            ty: ty.to_owned(),
            source: args.source.clone(),
            id: args.id.clone(),
            subject: args.subject.clone(),
            extensions: args.ext.clone(),
            content_type: args.content_type.clone(),
            data,
            numbered: args.count.is_some_and(|count| count > 1),
            random: fastrand::Rng::new(),
        })
    }

    /// The `n`th event, from 1.
    fn make(&mut self, n: u64) -> Result<Event, Failure> {
        let id = match &self.id {
            Some(id) if self.numbered => format!("{id}-{n}"),
            Some(id) => id.clone(),
            None => data::fresh_id(&mut self.random),
        };
        let mut builder = EventBuilderV10::new()
            .id(id)
            .source(self.source.as_str())
            .ty(self.ty.as_str());
        if !self.extensions.iter().any(|(name, _)| name == "time") {
            builder = builder.time(format!("{:.3}", jiff::Timestamp::now()));
        }
        if let Some(subject) = &self.subject {
            builder = builder.subject(subject.as_str());
        }
        if let Some(data) = &self.data {
            let content_type = self
                .content_type
                .clone()
                .unwrap_or_else(|| data::content_type_of(data).to_owned());
            builder = builder.data(content_type, data.clone());
        }
        let mut event = builder
            .build()
            .map_err(|error| not_valid(&error.to_string()))?;
        if self.data.is_none() {
            event.set_datacontenttype(self.content_type.clone());
        }
        let mut event = Event::try_from(event).map_err(|fault| invalid(&fault))?;
        for (name, value) in &self.extensions {
            event = with_attribute(event, name, value)?;
        }
        Ok(event)
    }
}

/// Sets what has no flag. `time` and `dataschema` are no extensions, yet people reach for `--ext`.
fn with_attribute(mut event: Event, name: &str, value: &str) -> Result<Event, Failure> {
    if !matches!(name, "time" | "dataschema") {
        let text = sluicegate_event::AttributeType::String;
        event
            .set_extension(name, value, text)
            .map_err(|fault| invalid(&fault))?;
        return Ok(event);
    }
    let mut theirs = cloudevents::Event::try_from(&event).map_err(|fault| invalid(&fault))?;
    let set = match name {
        "time" => theirs_time(&mut theirs, value),
        _ => theirs_schema(&mut theirs, value),
    };
    set.map_err(|why| not_valid(&format!("{name} {value:?}: {why}")))?;
    Event::try_from(theirs).map_err(|fault| invalid(&fault))
}

fn theirs_time(event: &mut cloudevents::Event, value: &str) -> Result<(), String> {
    use cloudevents::event::TryIntoTime;
    let time = value.into_time().map_err(|error| error.to_string())?;
    event.set_time(Some(time));
    Ok(())
}

fn theirs_schema(event: &mut cloudevents::Event, value: &str) -> Result<(), String> {
    use cloudevents::event::TryIntoUrl;
    let url = value.into_url().map_err(|error| error.to_string())?;
    event.set_dataschema(Some(url));
    Ok(())
}

fn not_valid(why: &str) -> Failure {
    Failure::usage(
        format!("this is no valid event: {why}"),
        "see `sluicegate send --help`",
    )
}

fn invalid(fault: &Fault) -> Failure {
    Failure::usage(
        format!("this is no valid event: {}", fault.problem),
        fault.remedy.clone(),
    )
}
